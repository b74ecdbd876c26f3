// The ports of masking: through one src/policy compiles masks, through the other the pipeline has results looked at again.
// Implemented in src/masking.
import type { z } from 'zod';
import type { Masked } from './evidence.ts';
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

/** Somebody else's engine, asked about what is about to leave. Masks ask it themselves about small results. */
export interface SecondOpinion extends AsyncDisposable {
  /**
   * The path of a mask at which a raw value stands; undefined where none does, and where this result was not looked at. Rejects
   * with WithheldError where it was to be looked at and could not.
   */
  ask(mask: Mask, masked: Masked): Promise<string | undefined>;
}
