// What operators do: see what runs and what is stopped, and stop things. The API and the console are two forms of it.
import type { Clock } from '../core/clock.ts';
import type { EntryBody } from '../core/entry.ts';
import type { LeaseRecord } from '../core/lease-records.ts';
import { SESSION_IDLE_MS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { didYouMean } from '../core/nearest.ts';
import { named, type NamedPerson, type Person } from '../core/approval.ts';
import type { PolicySet } from '../core/policy.ts';
import { Conflict } from '../core/store.ts';
import {
  concerns,
  type PrincipalKind,
  type SeenSession,
  type Switch,
  type SwitchRecords,
  type Target,
} from '../core/switches.ts';

export type PrincipalTarget = Target & { readonly kind: PrincipalKind };

/** What was stopped with a target: leases end within a second, the rest has. */
export interface Stopped {
  readonly leases: number;
  readonly approvals: number;
  readonly grants: number;
}

export type SwitchRefused =
  /** It is as it was asked to be. */
  | { readonly refused: 'no_change' }
  /** Nobody shuts themselves out. */
  | { readonly refused: 'own_account' }
  /** Somebody has blocked the person who asks, in this moment. */
  | { readonly refused: 'blocked' }
  | { readonly refused: 'unknown'; readonly hint: string | undefined };

export interface SeenBackend {
  readonly name: string;
  /** Undefined where no policy file declares it any more. */
  readonly kind: string | undefined;
  readonly tools: readonly string[];
  readonly leases: number;
  readonly disabled: Switch | undefined;
}

/** A running session, and why it is stopped. */
export interface SeenCaller extends SeenSession {
  readonly blocked: Switch | undefined;
}

/** Every method rejects with StoreError where the store does not answer; nothing of a change was kept then. */
export interface OperatorDesk {
  /** Those that are open, newest first. */
  leases(limit: number): Promise<readonly LeaseRecord[]>;
  /** Its broker ends it within a second, at the backend, too; where that one died, another does within three. */
  revokeLease(person: Person, id: string, reason: string): Promise<'revoked' | SwitchRefused>;
  /** Sessions that are running, newest call first. */
  sessions(limit: number): Promise<readonly SeenCaller[]>;
  blocks(): Promise<readonly (Switch & PrincipalTarget)[]>;
  block(person: Person, target: PrincipalTarget, reason: string): Promise<Stopped | SwitchRefused>;
  unblock(person: Person, target: PrincipalTarget, reason: string): Promise<'unblocked' | SwitchRefused>;
  backends(): Promise<readonly SeenBackend[]>;
  disable(person: Person, backend: string, reason: string): Promise<Stopped | SwitchRefused>;
  enable(person: Person, backend: string, reason: string): Promise<'enabled' | SwitchRefused>;
}

export interface OperatorDeskOptions {
  readonly records: SwitchRecords;
  readonly log: Log;
  readonly clock: Clock;
  policies(): PolicySet;
  /** Ends what waits, or was given for a while, for what the target concerns. */
  withdraw(target: Target, person: Person): Promise<Omit<Stopped, 'leases'>>;
  /** Makes this process act on a change now. */
  look(): Promise<void>;
}

export function createOperatorDesk(options: OperatorDeskOptions): OperatorDesk {
  const { records, log, clock } = options;

  async function switchOff(person: Person, target: Target, reason: string): Promise<Stopped | SwitchRefused> {
    const by = named(person);
    const leases = await records.countLeases(target);
    try {
      const body = entryOf(target, 'off', reason, by);
      await log.append([{ body }], records.off({ ...target, reason, person: by, at: clock.now() }));
    } catch (error) {
      return await whyNot(error, person);
    }
    await acted();
    return { leases, ...(await options.withdraw(target, person)) };
  }

  async function switchOn(person: Person, target: Target, reason: string): Promise<SwitchRefused | undefined> {
    const by = named(person);
    try {
      await log.append([{ body: entryOf(target, 'on', reason, by) }], records.on(target, by));
    } catch (error) {
      return await whyNot(error, person);
    }
    await acted();
    return undefined;
  }

  async function whyNot(error: unknown, person: Person): Promise<SwitchRefused> {
    if (!(error instanceof Conflict)) throw error;
    const self = { principal: { ...person, actor: '' }, session: '', backend: undefined };
    const blocked = (await records.list()).some((one) => one.kind === 'subject' && concerns(one, self));
    return { refused: blocked ? 'blocked' : 'no_change' };
  }

  /** The change is made: where this process cannot read it back at once, it does so before long, as the others do. */
  async function acted(): Promise<void> {
    await options.look().catch(() => undefined);
  }

  function isOwn({ kind, name, issuer }: Target, person: Person): boolean {
    return kind === 'subject' && name === person.subject && (issuer === undefined || issuer === person.issuer);
  }

  return {
    leases: (limit) => records.leases(limit),

    async revokeLease(person, id, reason) {
      const lease = await records.lease(id);
      if (lease === undefined) return { refused: 'unknown', hint: undefined };
      const by = named(person);
      const { backend, provider, reference, session, principal } = lease;
      const body = { type: 'lease.recalled', lease: id, backend, provider, reference, session, principal } as const;
      try {
        await log.append([{ body: { ...body, reason, person: by } }], records.recall(id, clock.now(), by));
      } catch (error) {
        return await whyNot(error, person);
      }
      await acted();
      return 'revoked';
    },

    async sessions(limit) {
      const found = await records.sessions(clock.now() - SESSION_IDLE_MS, limit);
      const switches = await records.list();
      return found.map((session) => {
        const caller = { principal: session.principal, session: session.id, backend: undefined };
        return { ...session, blocked: switches.find((one) => concerns(one, caller)) };
      });
    },

    async blocks() {
      return (await records.list()).filter((one): one is Switch & PrincipalTarget => one.kind !== 'backend');
    },

    async block(person, target, reason) {
      return isOwn(target, person) ? { refused: 'own_account' } : switchOff(person, target, reason);
    },

    async unblock(person, target, reason) {
      return (await switchOn(person, target, reason)) ?? 'unblocked';
    },

    async backends() {
      const switches = await records.list();
      const tools = [...options.policies().tools.values()];
      const disabled = switches.filter(({ kind }) => kind === 'backend');
      const names = new Set([...tools.map(({ backend }) => backend.name), ...disabled.map(({ name }) => name)]);
      return Promise.all(
        [...names].sort().map(async (name) => {
          const theirs = tools.filter(({ backend }) => backend.name === name);
          return {
            name,
            kind: theirs[0]?.backend.kind,
            tools: theirs.map((tool) => tool.name).sort(),
            leases: await records.countLeases({ kind: 'backend', name }),
            disabled: disabled.find((one) => one.name === name),
          };
        }),
      );
    },

    async disable(person, name, reason) {
      const declared = new Set([...options.policies().tools.values()].map(({ backend }) => backend.name));
      if (!declared.has(name)) return { refused: 'unknown', hint: didYouMean(name, declared) };
      return switchOff(person, { kind: 'backend', name }, reason);
    },

    async enable(person, name, reason) {
      return (await switchOn(person, { kind: 'backend', name }, reason)) ?? 'enabled';
    },
  };
}

function entryOf({ kind, name, issuer }: Target, to: 'off' | 'on', reason: string, person: NamedPerson): EntryBody {
  if (kind === 'backend') {
    return { type: to === 'off' ? 'backend.disabled' : 'backend.enabled', backend: name, reason, person };
  }
  const type = to === 'off' ? 'principal.blocked' : 'principal.unblocked';
  return { type, kind, name, ...(issuer === undefined ? {} : { issuer }), reason, person };
}
