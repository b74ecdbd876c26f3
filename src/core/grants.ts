// Access for a while: what a person may give in the place of one call, how it is kept, and how it is taken back.
import type { Person } from './approval.ts';
import type { Statement } from './store.ts';
import type { Target } from './switches.ts';

/** The `grant` block of a rule: the most that may be given. */
export interface GrantLimits {
  readonly atMostMs: number;
  readonly uses: number;
  /** Arguments that every call under the grant must have as the first one had them. */
  readonly same: readonly string[];
}

/** What a person gives: within the limits of every deciding rule. */
export interface GivenAccess {
  readonly forMs: number;
  /** At least 1; the call that asked counts. */
  readonly uses: number;
}

/** One principal, in one session, may call one tool, its named arguments unchanged, without asking again. */
export interface Grant {
  /** UUIDv7. */
  readonly id: string;
  /** The approval it was given in the place of. */
  readonly approval: string;
  /** Keyed hash of who may call what with which arguments; see src/core/digest.ts. */
  readonly scope: string;
  readonly principal: { readonly issuer: string; readonly subject: string; readonly actor: string };
  readonly session: string;
  readonly tool: string;
  readonly backend: string;
  readonly policy: string;
  readonly uses: number;
  readonly usesLeft: number;
  /** Milliseconds since the Unix epoch. */
  readonly givenAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | undefined;
}

/** `used_up`: calls that run may finish. `revoked`: they are stopped. */
export type GrantEnd = 'used_up' | 'expired' | 'revoked';

/** Tells a process of the end of a grant that it uses. */
export interface GrantSignals {
  /** No further call runs under it. */
  readonly over: AbortSignal;
  /** Those that run must stop. */
  readonly revoked: AbortSignal;
}

/** The port behind which grants are kept. Implemented in src/store. Statements are committed with their log entry. */
export interface GrantRecords {
  find(id: string): Promise<Grant | undefined>;
  /** The newest of this scope that has not ended, has uses left and time at `now`. */
  findUsable(scope: string, now: number): Promise<Grant | undefined>;
  /** Newest first. */
  list(filter: { readonly running: boolean; readonly limit: number }): Promise<readonly Grant[]>;
  /** Those that have not ended and whose time was up at `now`. */
  overdue(now: number): Promise<readonly Grant[]>;
  /** Those that have not ended and that the target concerns. */
  runningOf(target: Target): Promise<readonly Grant[]>;
  opened(grant: Grant): Statement;
  /** Takes one use. Conflict where anything about it has changed since it was read. */
  used(grant: Grant): Statement;
  /** Conflict where it has ended. */
  ended(id: string, why: GrantEnd, at: number): Statement;
  /** Aborted within GRANT_POLL_MS of its end, wherever that was decided. */
  signals(id: string): GrantSignals;
}

/** The people's side. */
export interface Grants {
  /** Newest first. */
  grants(filter: { readonly running: boolean; readonly limit: number }): Promise<readonly Grant[]>;
  /**
   * Ends a grant: no call starts under it once this resolves, and those that run are stopped within GRANT_POLL_MS. Whoever
   * may review the approval may do so. Rejects with StoreError.
   */
  revoke(id: string, person: Person): Promise<'revoked' | 'unknown' | 'not_an_approver' | 'over'>;
}
