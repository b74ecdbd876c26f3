// The port every kind of backend implements. A kind is one folder beside this file, listed in tools/kinds.ts.
import type { z } from 'zod';
import type { CredentialDeclaration, ToolAnnotations, ToolAnswer, ToolCall } from '../src/core/tool.ts';
import type { JsonSchema } from '../src/core/json.ts';
import type { Report } from '../src/core/problem.ts';

export interface ToolKind<Backend = unknown, Declaration = unknown> {
  /** The word policy files use: `kind: postgres`. */
  readonly kind: string;
  /** A backend's keys beside `kind`, `credential`, `mask`. Part of the published JSON Schema. References are resolved before it parses. */
  readonly backend: z.ZodType<Backend>;
  /** A tool's keys beside the common ones (`title`, `description`, `backend`, `input`, `readOnly`, `destructive`, `idempotent`, `limits`, `mask`). */
  readonly tool: z.ZodType<Declaration>;
  /** Kinds of credential that fit its backends, the usual one first. */
  readonly credentials: readonly string[];
  /** Files beside the policies that a backend names: read before anything is compiled, part of the policies' version, and watched. Left out: none. */
  documents?(backend: Backend): readonly NamedDocument[];
  /** Checks what a backend alone tells, its documents among it. Pure. Reports at the backend's declaration. */
  checkBackend?(backend: DeclaredBackend<Backend>, report: Report): void;
  /** Checks one declaration and turns it into one tool, or several (an import). Pure: touches no backend. Reports every problem; what it returns then is not used. */
  compile(declared: DeclaredTool<Backend, Declaration>, report: Report): readonly CompiledTool[];
  /** Asks the real backend about a declaration that compiled (`check --connect`). Reports every problem; throws only for faults of its own. */
  examine(examined: ExaminedBackend<Backend, Declaration>, signal: AbortSignal): Promise<void>;
  /** Tells of tools that are at the backend no longer what was accepted here, each change once. Left out: that cannot be. */
  watch?(listener: (change: BackendChange) => void): Disposable;
}

export interface BackendChange {
  readonly backend: string;
  /** By the backend's own names. */
  readonly tools: readonly { readonly name: string; readonly change: 'changed' | 'added' | 'removed' | 'shadowing' }[];
}

export interface NamedDocument {
  /** The backend's key that names it. */
  readonly key: string;
  /** Relative to the policy directory. */
  readonly file: string;
  /** A missing one is no problem to report: the kind says what it means. */
  readonly optional?: boolean;
}

export interface Document {
  /** Absolute. */
  readonly file: string;
  readonly text: string;
}

export interface DeclaredTool<Backend, Declaration> {
  readonly name: string;
  readonly backend: DeclaredBackend<Backend>;
  /** The kind's own keys. Paths in reports start at the tool's declaration: `['sql']`, `['input', 'email']`. */
  readonly declaration: Declaration;
  /** The `input` block as JSON Schema properties, and which may be left out. */
  readonly input: { readonly properties: Readonly<Record<string, JsonSchema>>; readonly optional: readonly string[] };
  readonly annotations: ToolAnnotations;
  readonly limits: ToolLimits;
}

export interface DeclaredBackend<Backend> {
  readonly name: string;
  readonly options: Backend;
  /** The policy directory, absolute: what relative paths start at. */
  readonly directory: string;
  /** By the key that names each; one that could not be read is not among them. */
  readonly documents: ReadonlyMap<string, Document>;
}

export interface ToolLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly timeoutMs: number;
}

export interface CompiledTool {
  readonly name: string;
  /** The declaration's own title and description come first. */
  readonly title?: string;
  readonly description?: string;
  /** Left out: those of the declaration. */
  readonly annotations?: ToolAnnotations;
  /** Closed, 2020-12, without references: rules, masks of arguments and tokens follow it into every part. */
  readonly inputSchema: JsonSchema;
  /** Of the structured content before masks, where the kind knows it. */
  readonly outputSchema?: JsonSchema;
  /** What the backend is described to answer, where that is no promise: mask paths are held against it, and clients are not told. */
  describedAnswer?(): JsonSchema | undefined;
  /** False while it must not be called: it is hidden then, and a call is refused. Left out: always true. */
  available?(): boolean;
  /** Runs it. Throws BackendError. Stops when `signal` is aborted. */
  call(call: ToolCall): Promise<ToolAnswer>;
  /**
   * Looks at what a call with these arguments would do, for the people who are asked to approve it. Changes nothing. The
   * masks of the tool apply to its answer, and it is kept to the tool's limits. Left out where nothing can be told before.
   */
  preview?(call: ToolCall): Promise<ToolAnswer>;
}

export interface ExaminedBackend<Backend, Declaration> {
  readonly backend: DeclaredBackend<Backend>;
  readonly credential: CredentialDeclaration | undefined;
  /** Reports at the backend's declaration. */
  readonly report: Report;
  readonly tools: readonly {
    readonly declared: DeclaredTool<Backend, Declaration>;
    /** The declared mask paths, with where each stands in the declaration. */
    readonly masks: readonly { readonly path: string; readonly place: readonly (string | number)[] }[];
    /** Reports at the tool's declaration. */
    readonly report: Report;
  }[];
}
