// Shows a person what a token stands for: never without a word in the log that is durable before, and, where the deployment
// wants it, never without a second person. Who may ask at all is decided before.
import { named, type NamedPerson, type Person } from '../core/approval.ts';
import type { Clock } from '../core/clock.ts';
import { REVEAL_REQUEST_MS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { RevealRecords } from '../core/reveals.ts';
import { Conflict } from '../core/store.ts';
import { TokenError, type TokenVault } from '../core/token-vault.ts';
import { uuidv7 } from '../core/uuid.ts';

export type RevealRefused =
  | 'unknown_token'
  | 'expired_token'
  | 'unknown_request'
  | 'own_request'
  | 'not_your_request'
  | 'already_approved'
  | 'not_approved';

export type Revealed = { readonly value: string } | { readonly refused: RevealRefused };
export type Requested = Revealed | { readonly request: string; readonly expiresAt: number };

export interface Reveals {
  /** The value; or, where it takes two people, a request that another person must agree to. Rejects with StoreError. */
  reveal(person: Person, token: string, reason: string): Promise<Requested>;
  /** A second person agrees. They do not see the value. */
  approve(person: Person, request: string): Promise<'approved' | RevealRefused>;
  /** The value of a request that was agreed to, once, for whoever made it. */
  collect(person: Person, request: string): Promise<Revealed>;
}

export interface RevealOptions {
  readonly vault: TokenVault;
  readonly records: RevealRecords;
  readonly log: Log;
  readonly clock: Clock;
  readonly secondPerson: boolean;
}

export function createReveals({ vault, records, log, clock, secondPerson }: RevealOptions): Reveals {
  async function valueOf(token: string): Promise<Revealed> {
    try {
      return { value: await vault.reveal(token) };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return { refused: error.code === 'expired_value_token' ? 'expired_token' : 'unknown_token' };
    }
  }

  return {
    async reveal(person, token, reason) {
      const found = await valueOf(token);
      if ('refused' in found) return found;
      const asking = named(person);
      if (!secondPerson) {
        await log.append([{ body: { type: 'token.revealed', token, person: asking, reason } }]);
        return found;
      }
      const now = clock.now();
      const request = { id: uuidv7(now), token, person: asking, reason, expiresAt: now + REVEAL_REQUEST_MS };
      const entry = { type: 'token.requested', request: request.id, token, person: asking, reason } as const;
      await log.append([{ body: entry }], records.opened(request, now));
      return { request: request.id, expiresAt: request.expiresAt };
    },

    async approve(person, id) {
      const now = clock.now();
      const request = await records.find(id, now);
      if (request === undefined) return 'unknown_request';
      if (isSame(person, request.person)) return 'own_request';
      if (request.approver !== undefined) return 'already_approved';
      const approver = named(person);
      const entry = { type: 'token.approved', request: id, token: request.token, person: approver } as const;
      try {
        await log.append([{ body: entry }], [records.approved(id, approver, now)]);
      } catch (error) {
        if (error instanceof Conflict) return 'already_approved';
        throw error;
      }
      return 'approved';
    },

    async collect(person, id) {
      const request = await records.find(id, clock.now());
      if (request === undefined) return { refused: 'unknown_request' };
      if (!isSame(person, request.person)) return { refused: 'not_your_request' };
      const { token, approver, reason } = request;
      if (approver === undefined) return { refused: 'not_approved' };
      const found = await valueOf(token);
      if ('refused' in found) return found;
      const entry = { type: 'token.revealed', token, person: request.person, reason, request: id, approver } as const;
      try {
        await log.append([{ body: entry }], [records.used(id)]);
      } catch (error) {
        if (error instanceof Conflict) return { refused: 'unknown_request' };
        throw error;
      }
      return found;
    },
  };
}

function isSame(one: NamedPerson, other: NamedPerson): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}
