// What the MCP edge asks of the pipeline. Implemented by src/broker.ts.
import type { Masked } from './evidence.ts';
import type { Refusal } from './errors.ts';
import type { InboundToken } from './inbound-token.ts';
import type { JsonObject } from './json.ts';
import type { Principal } from './principal.ts';
import type { Tool } from './tool.ts';

export interface Broker {
  /**
   * The tools this principal could be allowed, arguments aside, in a stable order; none of a backend that is switched off, and
   * none at all for a principal that is blocked. Rejects with StoreError where that cannot be known.
   */
  list(principal: Principal): Promise<readonly Tool[]>;
  /** Takes one call through the doors. Resolves with words for every refusal; rejects only for a fault of the broker's own. */
  invoke(call: Call): Promise<Reply>;
}

export interface Call {
  readonly principal: Principal;
  /** The token that the principal was read from, for the credential door alone. */
  readonly inbound?: InboundToken | undefined;
  /** `_meta["sallyport/session"]`, else `Mcp-Session-Id`; undefined means principal and client. */
  readonly sessionLabel: string | undefined;
  readonly tool: string;
  /** As sent, within the bounds of the edge: depth, duplicate keys and numbers have been checked. */
  readonly arguments: JsonObject;
  /** Aborted when the caller cancels, or goes away in an era where that means to cancel. */
  readonly signal: AbortSignal;
  readonly patience: Patience;
  /** Milliseconds the edge spent on identity, for the log's timing of the doors. */
  readonly identifyMs: number;
  /** Called while the backend works, where the caller asked to be told; never after the reply. */
  readonly onProgress?: ((progress: MaskedProgress) => void) | undefined;
}

/** How far a call has come. */
export interface MaskedProgress {
  readonly progress: number;
  readonly total: number | undefined;
  /** One text block; undefined where there was none, or none that may leave. */
  readonly message: Masked | undefined;
}

/** How long a caller waits for one answer. */
export interface Patience {
  /** Milliseconds, from the arrival of the call to its answer. */
  readonly ms: number;
  /** Whether it can be told to come back and wait on; each time is a call of its own. */
  readonly comesBack: boolean;
  /** What it was given to bring along when it was told so. */
  readonly state?: string;
}

export type Reply =
  /** The outcome is in the log; this may leave. Call `delivered` once it has been written to the caller in full. */
  | { readonly kind: 'result'; readonly invocation: string; readonly result: Masked; delivered(): void }
  /** A person has not decided yet: the caller, who comes back, makes the same call again at once. */
  | { readonly kind: 'wait'; readonly invocation: string; readonly state: string; delivered(): void }
  | { readonly kind: 'refusal'; readonly invocation: string; readonly refusal: Refusal; delivered(): void };
