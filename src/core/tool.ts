// A tool as the broker sees it: one declared operation, compiled. Made by src/policy with the help of tools/ and src/masking.
import type { Intent, Lease, Masked } from './evidence.ts';
import type { Json, JsonObject, JsonSchema } from './json.ts';
import type { Secret } from './secret.ts';
import type { TokenIssuer } from './token-vault.ts';

export interface Tool {
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly backend: BackendRef;
  /** SHA-256 (hex) over the declarations of the tool and its backend, references unresolved. */
  readonly definitionHash: string;
  /** 2020-12, closed (`additionalProperties: false`). */
  readonly inputSchema: JsonSchema;
  /** Of the structured content after masks; absent where nothing can be promised. */
  readonly outputSchema: JsonSchema | undefined;
  readonly annotations: ToolAnnotations;
  readonly timeoutMs: number;
  /** It was given an argument `justification`, which is taken out before anything but a person sees it. */
  readonly takesJustification?: boolean;
  /** Empty when the arguments fit the schema. Texts name the argument and what was expected, never its value. */
  validate(args: JsonObject): readonly string[];
  /** Defined where an argument may be a token: what the arguments must fit once values stand in the places of tokens. */
  validateResolved?(args: JsonObject): readonly string[];
  /** Everything that leaves towards the agent. */
  readonly mask: Mask;
  /** Arguments wherever they are shown. Always defined for objects that passed `validate`. */
  maskArguments(args: JsonObject): JsonObject;
  /** False while it must not be called: what it is at its backend is not what was accepted here. Left out: always true. */
  available?(): boolean;
  /** Runs the operation. Throws BackendError, and nothing else on purpose. */
  call(call: ToolCall): Promise<ToolAnswer>;
  /** What approvers are to see of a call before it is made: takes the same arguments, and changes nothing. No agent can call it. */
  readonly preview?: Tool;
}

export interface ToolAnnotations {
  readonly readOnly: boolean;
  readonly destructive: boolean;
  readonly idempotent: boolean;
}

export interface BackendRef {
  readonly name: string;
  readonly kind: string;
  /** SHA-256 (hex) over its declaration, references unresolved. */
  readonly definitionHash: string;
  /**
   * SHA-256 (hex) over its declaration, references resolved: where calls go, and as whom. Passwords can be among that, and
   * guessed from it, so that it is kept under a key alone; see src/core/digest.ts.
   */
  readonly resolvedHash: Secret;
  /** The declared `credential` block, checked by its provider; undefined where the backend needs none. */
  readonly credential: CredentialDeclaration | undefined;
}

/** A `credential` block: `kind`, `scope`, `ttl` are common; the provider reads the rest. */
export interface CredentialDeclaration {
  readonly kind: string;
  readonly scope: 'session' | 'invocation';
  readonly ttlMs: number;
  /** The provider's own keys, resolved and parsed by its schema. */
  readonly options: unknown;
}

export interface ToolCall {
  readonly intent: Intent;
  /** Undefined only where the backend declares no credential. */
  readonly lease: Lease | undefined;
  /** What the backend gets: tokens resolved, `justification` removed. */
  readonly arguments: JsonObject;
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number;
  /** Aborted on cancellation, on the deadline and when the lease ends. */
  readonly signal: AbortSignal;
  /** Tells how far the call has come; left out where the caller does not ask. What it says is masked before it leaves. */
  readonly progress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
  /** Raw, as the backend says it. */
  readonly message?: string | undefined;
}

/** What a backend answered, raw: it goes to `mask` and nowhere else. */
export interface ToolAnswer {
  readonly structured?: JsonObject;
  /** MCP content blocks, for kinds whose answers have no structure. */
  readonly content?: readonly Json[];
  /** The backend's own word that the operation failed. */
  readonly isError?: boolean;
}

export interface AskedPath {
  /** As it was declared. */
  readonly text: string;
  /** As the second engine reads it. */
  readonly asked: string;
}

export interface Mask {
  /**
   * All that leaves towards the agent because of a call: its answer, and, as a text block, each message on its way (progress, a log
   * line, a question). Throws WithheldError in any doubt. Never changes its input. What it asked `tokens` for must be kept before
   * the result leaves.
   */
  apply(answer: ToolAnswer, tokens: TokenIssuer): Masked;
  /** What a backend says of a tool before any call, such as its description and schema: detectors alone. Throws WithheldError. */
  words<Said extends JsonObject>(said: Said): Said;
  /** Of its paths, those that a second engine can be asked about. */
  readonly asked: readonly AskedPath[];
  /** What takes what, for `explain` and `check`. */
  describe(): readonly { readonly path: string; readonly action: string }[];
}
