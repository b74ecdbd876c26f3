// The port of the approve door, as the pipeline and the people's side see it. Implemented by src/approval.
import type { Approval, ApprovalRequirement, Review, ReviewRefused } from './approval.ts';
import type { Refusal } from './errors.ts';
import type { Permit } from './evidence.ts';
import type { Decision, Invocation } from './invocation.ts';
import type { Change } from './store.ts';
import type { Tool } from './tool.ts';

/** What the pipeline asks: may this exact call run? */
export interface Ask {
  readonly invocation: Invocation;
  readonly tool: Tool;
  readonly decision: Decision;
  readonly digest: string;
  readonly requirements: readonly ApprovalRequirement[];
  /** Why the agent makes the call, in its own words. */
  readonly justification: string | undefined;
  /** What a grant that covers this call would be found by; undefined where the rules allow none. */
  readonly grantScope: string | undefined;
  /**
   * Looks at what the call would do, as an invocation of its own: intent, lease, masks and outcome are its own too. Undefined
   * where the tool offers none. Resolves once the outcome is in the log, whatever it is. Rejects with StoreError.
   */
  preview?(permit: Permit, signal: AbortSignal): Promise<void>;
}

export type Obtained =
  /** Somebody said yes. `use` must be committed with the intent: Conflict then means that the yes is gone. */
  | { readonly kind: 'approved'; readonly permit: Permit; readonly use: Change }
  | { readonly kind: 'pending'; readonly approval: Approval }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface Approvals {
  /**
   * Finds the open approval of this digest, or opens one, and waits for it until `until` (milliseconds since the Unix epoch).
   * The newest caller that waits takes the permit. Rejects with StoreError, or with the signal's reason; neither withdraws
   * the approval.
   */
  obtain(ask: Ask, until: number, signal: AbortSignal): Promise<Obtained>;
  /** The agent withdraws the call it waits for. */
  cancel(digest: string): Promise<void>;
}

/** The people's side: the API, the console, the command line and chat all review through this. */
export interface Reviews {
  /** Counts one person's word. Rejects with StoreError: then nothing was counted. */
  review(
    id: string,
    review: Omit<Review, 'at'>,
  ): Promise<{ readonly approval: Approval } | { readonly refused: ReviewRefused }>;
}
