// What operators stop: principals, backends, leases. The words that the pipeline, the store and the people's side share.
import type { NamedPerson, Person } from './approval.ts';
import { refuse, type Refusal } from './errors.ts';
import type { LeaseRecord } from './lease-records.ts';
import type { Principal } from './principal.ts';
import type { Statement } from './store.ts';

/** A person or service on whose behalf calls are made, an agent that makes them, or one run of one. */
export type PrincipalKind = (typeof PRINCIPAL_KINDS)[number];
export const PRINCIPAL_KINDS = ['subject', 'agent', 'session'] as const;

/** What is stopped. */
export interface Target {
  readonly kind: PrincipalKind | 'backend';
  /** The `sub` of tokens, the agent as it stands in the log, the id of a session, or the name of a backend. */
  readonly name: string;
  /** Of a subject or an agent; left out, it is meant at every issuer. */
  readonly issuer?: string | undefined;
}

/** A target that is stopped now. */
export interface Switch extends Target {
  readonly reason: string;
  readonly person: NamedPerson;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** What a call, a lease or an approval depends on. */
export interface Concerned {
  readonly principal: Pick<Principal, 'issuer' | 'subject' | 'actor'>;
  readonly session: string;
  /** Undefined while it is not known. */
  readonly backend: string | undefined;
}

export function concerns({ kind, name, issuer }: Target, { principal, session, backend }: Concerned): boolean {
  switch (kind) {
    case 'subject':
      return principal.subject === name && (issuer === undefined || principal.issuer === issuer);
    case 'agent':
      return principal.actor === name && (issuer === undefined || principal.issuer === issuer);
    case 'session':
      return session === name;
    case 'backend':
      return backend === name;
  }
}

/** Why a running call, or a lease, was stopped: a person said so. `target` is undefined where its lease alone was taken back. */
export class StoppedByOperator extends Error {
  readonly target: Target | undefined;

  constructor(target?: Target) {
    super('an operator stopped this');
    this.name = 'StoppedByOperator';
    this.target = target;
  }
}

const BLOCKED: Readonly<Record<PrincipalKind, string>> = {
  subject: 'An operator has blocked the person or service that this call is made for.',
  agent: 'An operator has blocked this agent.',
  session: 'An operator has blocked this session.',
};

/** What a call is told that does not begin because of `target`. */
export function switchedOff({ kind, name }: Target): Refusal {
  const detail = `${kind} ${name}`;
  if (kind === 'backend') return refuse('backend_disabled', { detail });
  const words = `${BLOCKED[kind]} The call was not made, and making it again will not change that.`;
  return refuse('principal_blocked', { words, detail });
}

/** The pipeline's side. One for each broker process. */
export interface Switches {
  /**
   * Watches over one call until it is disposed of: from here on whatever is switched off and concerns the call aborts its
   * signal, within SWITCH_POLL_MS where another process did it.
   */
  enter(principal: Principal, session: string): Passage;
  /** Names of what is switched off for this caller: undefined where the caller itself is. Rejects with StoreError. */
  disabledBackends(principal: Principal): Promise<ReadonlySet<string> | undefined>;
  /** Whether this person is blocked as a subject. Rejects with StoreError. */
  isBlocked(person: Pick<Person, 'issuer' | 'subject'>): Promise<boolean>;
}

export interface Passage extends Disposable {
  /** Aborted with StoppedByOperator. */
  readonly signal: AbortSignal;
  /** The call is for this backend. */
  reach(backend: string): void;
  /**
   * Why the call may not go on; undefined where it may. Rejects with StoreError where that cannot be known: what was read
   * more than SWITCH_STALE_MS ago does not count, and with `readAnew` nothing that was read before.
   */
  refusal(readAnew?: boolean): Promise<Refusal | undefined>;
}

/** The port behind which switches are kept. Implemented in src/store. Statements are committed with their log entry. */
export interface SwitchRecords {
  /** A number that each change of what is switched off, or taken back, makes greater. */
  revision(): Promise<number>;
  list(): Promise<readonly Switch[]>;
  /** Open leases that somebody took back. */
  recalled(): Promise<readonly LeaseRecord[]>;
  /** Open leases, newest first. */
  leases(limit: number): Promise<readonly LeaseRecord[]>;
  lease(id: string): Promise<(LeaseRecord & { readonly endedAt: number | undefined }) | undefined>;
  /** Open leases that the target concerns and nobody has taken back. */
  countLeases(target: Target): Promise<number>;
  /** Sessions with a call since `since`, newest call first. */
  sessions(since: number, limit: number): Promise<readonly SeenSession[]>;

  /** Takes back the leases it concerns, too. Conflict where the same is switched off already, or `by` is blocked. */
  off(change: Switch): readonly Statement[];
  /** Conflict where it is not switched off, or `by` is blocked. */
  on(target: Target, by: NamedPerson): readonly Statement[];
  /** Conflict where the lease is over or taken back already, or `by` is blocked. */
  recall(lease: string, at: number, by: NamedPerson): readonly Statement[];
}

export interface SeenSession {
  readonly id: string;
  readonly label: string;
  readonly principal: Concerned['principal'];
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** To within a minute. */
  readonly lastSeenAt: number;
}
