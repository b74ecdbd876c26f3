// The port of requests to show a person what a token stands for, where that takes two people. Implemented in src/store.
import type { NamedPerson } from './approval.ts';
import type { Statement } from './store.ts';

export interface RevealRequest {
  readonly id: string;
  readonly token: string;
  readonly person: NamedPerson;
  readonly reason: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** Who has agreed; undefined while nobody has. */
  readonly approver: NamedPerson | undefined;
}

export interface RevealRecords {
  /** Undefined where there is none, where it was used, and once its time is up. Rejects with StoreError. */
  find(id: string, now: number): Promise<RevealRequest | undefined>;
  /** Keeps a request that nobody has agreed to, and forgets those whose time is up. */
  opened(request: Omit<RevealRequest, 'approver'>, now: number): readonly Statement[];
  /** Conflict where somebody has agreed before. */
  approved(id: string, approver: NamedPerson, now: number): Statement;
  /** Conflict where it was used before. */
  used(id: string): Statement;
}
