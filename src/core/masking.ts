// The port through which src/policy compiles masks. Implemented in src/masking.
import type { z } from 'zod';
import type { JsonSchema } from './json.ts';
import type { Mask } from './tool.ts';

export interface MaskCompiler<Declaration = unknown> {
  /** One item of a `mask:` list. Part of the published JSON Schema. */
  readonly declaration: z.ZodType<Declaration>;
  /** Compiles all masks of a tool (its own and its backend's) into one. Every problem is reported at its own declaration. */
  compile(declared: readonly DeclaredMask<Declaration>[]): Mask;
  /** The schema of what is left of a result, given the schema of the raw one; undefined where nothing can be promised. */
  schemaAfter(declared: readonly DeclaredMask<Declaration>[], before: JsonSchema): JsonSchema | undefined;
}

export interface DeclaredMask<Declaration> {
  readonly declaration: Declaration;
  /** `key` names the wrong key of the declaration; `offset` is into its text. */
  report(key: string, message: string, more?: { offset?: number; hint?: string }): void;
}
