// Compiles the masks of a tool into one. Implements the port src/core/masking.ts; constructed by src/main.ts and src/cli.
import { createSecretKey, type KeyObject } from 'node:crypto';
import { WithheldError } from '../core/errors.ts';
import type { JsonSchema } from '../core/json.ts';
import type { DeclaredMask, MaskCompiler } from '../core/masking.ts';
import type { Mask } from '../core/tool.ts';
import { parseJsonPath, JsonPathError, type JsonPath } from './json-path.ts';
import { MAX_SELECTORS } from './limits.ts';
import { maskAction } from './mask-action.ts';
import { maskAnswer, type AnswerMask } from './mask-answer.ts';
import { maskDeclaration, type MaskDeclaration } from './mask-declaration.ts';
import { PathAutomaton } from './path-automaton.ts';
import { schemaAfterMasks } from './schema-after-masks.ts';

export interface MaskCompilerOptions {
  /** Key of `hash`, 32 bytes or more. It must not change: equal values give equal hashes only under one key. */
  readonly hashKey: Uint8Array;
}

export function maskCompiler(options: MaskCompilerOptions): MaskCompiler<MaskDeclaration> {
  if (options.hashKey.length < 32) throw new RangeError('the key of `hash` must have 32 bytes or more');
  // As a KeyObject it is prepared once, not for each value.
  const hashKey = createSecretKey(options.hashKey);
  return {
    declaration: maskDeclaration,
    compile: (declared) => compile(declared, hashKey),
    schemaAfter: (declared, before) => schemaAfter(declared, before),
  };
}

function compile(declared: readonly DeclaredMask<MaskDeclaration>[], hashKey: KeyObject): Mask {
  const masks: AnswerMask[] = [];
  const paths: JsonPath[] = [];
  let selectors = 0;
  for (const declaredMask of declared) {
    const { declaration } = declaredMask;
    const path = parsed(declaration);
    if (path instanceof JsonPathError) {
      declaredMask.report('path', `this is not a JSONPath (RFC 9535): ${path.message}`, {
        offset: path.offset,
        hint: 'A path starts at `$`: `$.rows[*].email`, `$..password`, `$.items[?@.kind == "card"].number`.',
      });
      continue;
    }
    selectors += path.segments.reduce((sum, segment) => sum + segment.selectors.length, 0);
    if (selectors > MAX_SELECTORS) {
      declaredMask.report('path', `the mask paths of one tool may have ${String(MAX_SELECTORS)} selectors at most`);
    }
    paths.push(path);
    const action = maskAction(declaration, hashKey);
    masks.push({ path: path.text, mustMatch: declaration.mustMatch ?? false, action });
  }
  const { start } = new PathAutomaton(
    paths,
    masks.map(({ action }) => action.strength),
  );
  const described = masks.map(({ path, action }) => ({ path, action: action.name }));
  if (paths.length < declared.length || selectors > MAX_SELECTORS) {
    // Reported, so never served; were it served all the same, nothing would leave.
    const apply = (): never => {
      throw new WithheldError('a mask of this tool did not compile');
    };
    return { apply, describe: () => described };
  }
  return { apply: (answer) => maskAnswer(answer, start, masks), describe: () => described };
}

function schemaAfter(declared: readonly DeclaredMask<MaskDeclaration>[], before: JsonSchema): JsonSchema | undefined {
  const paths: JsonPath[] = [];
  for (const { declaration } of declared) {
    const path = parsed(declaration);
    if (path instanceof JsonPathError) return undefined;
    paths.push(path);
  }
  const removes = declared.map(({ declaration }) => declaration.with === 'remove');
  return schemaAfterMasks(before, new PathAutomaton(paths, []).start, removes);
}

function parsed(declaration: MaskDeclaration): JsonPath | JsonPathError {
  try {
    return parseJsonPath(declaration.path);
  } catch (cause) {
    if (cause instanceof JsonPathError) return cause;
    throw cause;
  }
}
