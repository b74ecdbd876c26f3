// The port that keeps a call from running twice because its caller timed out and asked again.
// Clients tell the model "please try again"; so for tools that are not read-only an identical call (same digest) joins
// the one that runs, and takes over a reply that was never delivered.
import type { Invocation } from './invocation.ts';
import type { Masked } from './evidence.ts';
import type { Statement } from './store.ts';

export interface RepeatedCalls {
  /** To be committed with the intent. Conflict then means: an identical call is running, or its reply was not delivered. */
  claim(digest: string, invocation: Invocation): readonly Statement[];
  /** To be committed with the outcome of a call that was claimed. */
  finish(invocation: string): Statement;
  /** To be committed with the outcome of a call that was claimed and had no effect: the next identical one runs. */
  release(invocation: string): Statement;
  /** To be committed with the outcome of a call that was given up, claimed or not. Conflict then means: it was not. */
  abandon(invocation: string): Statement;
  /** The reply has reached its caller: the next identical call runs anew. Failing to note it costs a repeated reply, so it is not awaited. */
  delivered(invocation: string): void;
  /** Waits for the identical call to finish and takes its reply over. Rejects with StoreError, or with the signal's reason. */
  follow(digest: string, signal: AbortSignal): Promise<Followed>;
}

export type Followed =
  /** Its recorded reply, as it was masked then. */
  | { readonly kind: 'reply'; readonly invocation: string; readonly reply: Masked }
  /** The broker that ran it died: nobody knows whether it happened. */
  | { readonly kind: 'lost'; readonly invocation: string }
  /** Its reply has been delivered, or is too old to hand out: run anew. */
  | { readonly kind: 'none' };
