// The port behind which approvals are kept. Implemented in src/store. Statements are committed with their log entry.
import type { Approval, ApprovalFilter, ApprovalState, Review } from './approval.ts';
import type { Statement } from './store.ts';
import type { Target } from './switches.ts';

export interface ApprovalRecords {
  /** The approval of this digest that is pending, or approved and not used. At most one exists. */
  findOpen(digest: string): Promise<Approval | undefined>;
  find(id: string): Promise<Approval | undefined>;
  /** Newest first. */
  list(filter: ApprovalFilter): Promise<readonly Approval[]>;
  /** Open approvals whose time was up at `now`. */
  overdue(now: number): Promise<readonly Approval[]>;
  /** Open approvals that the target concerns. */
  openOf(target: Target): Promise<readonly Approval[]>;
  countPending(principalKey: string): Promise<number>;

  /** Conflict where another one of the same digest is open, or the principal has more than `most` pending with this one. */
  opened(approval: Approval, principalKey: string, most: number): readonly Statement[];
  /** Conflict where it is not in `from` any more. */
  moved(id: string, from: ApprovalState, to: ApprovalState, at: number): Statement;
  /**
   * Conflict where the person has reviewed it before, or there are more reviews than the `earlier` ones: what all of them come to
   * was found without those. To be made after `moved`, which keeps other reviews of the approval waiting.
   */
  reviewed(id: string, review: Review, earlier: number): Statement;
  /** Makes this invocation the one that takes the permit. Conflict where the approval is not open. */
  awaited(id: string, invocation: string): Statement;
  /** `approved → used`. Conflict where it is not approved, or a newer call waits for it. */
  used(id: string, invocation: string, at: number): Statement;

  /** Resolves when the approval is not pending any more, at the latest after `ms` milliseconds; rejects with the signal's reason. */
  settled(id: string, ms: number, signal: AbortSignal): Promise<void>;
}
