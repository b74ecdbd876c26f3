// Compiles the masks of a tool into one. Implements the port src/core/masking.ts; constructed by src/main.ts and src/cli.
import { createSecretKey, type KeyObject } from 'node:crypto';
import { WithheldError } from '../core/errors.ts';
import type { JsonSchema } from '../core/json.ts';
import type { DeclaredMask, MaskCompiler } from '../core/masking.ts';
import type { Mask } from '../core/tool.ts';
import { parseJsonPath, JsonPathError, type JsonPath } from './json-path.ts';
import { MAX_SELECTORS } from './limits.ts';
import { maskAction } from './mask-action.ts';
import type { AnswerMask } from './document-masking.ts';
import { maskAnswer } from './mask-answer.ts';
import {
  maskDeclaration,
  type DetectorDeclaration,
  type MaskDeclaration,
  type PathMaskDeclaration,
} from './mask-declaration.ts';
import { DetectorPass, type ActiveDetector } from './detector-pass.ts';
import type { DetectorName } from './detector.ts';
import { DETECTORS } from './detectors.ts';
import { schemaAfterDetectors } from './schema-after-detectors.ts';
import { PathAutomaton } from './path-automaton.ts';
import { opinionPaths } from './second-opinion.ts';
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
  const detectors = activeDetectors(declared.map(({ declaration }) => declaration));
  let selectors = 0;
  let broken = false;
  for (const declaredMask of declared) {
    const { declaration } = declaredMask;
    if (!('path' in declaration)) continue;
    const path = parsed(declaration);
    if (path instanceof JsonPathError) {
      broken = true;
      declaredMask.report('path', `this is not a JSONPath (RFC 9535): ${path.message}`, {
        offset: path.offset,
        hint: 'A path starts at `$`: `$.rows[*].email`, `$..password`, `$.items[?@.kind == "card"].number`.',
      });
      continue;
    }
    selectors += path.segments.reduce((sum, segment) => sum + segment.selectors.length, 0);
    if (selectors > MAX_SELECTORS) {
      broken = true;
      declaredMask.report('path', `the mask paths of one tool may have ${MAX_SELECTORS} selectors at most`);
    }
    paths.push(path);
    const action = maskAction(declaration, hashKey);
    masks.push({ path: path.text, mustMatch: declaration.mustMatch ?? false, action });
  }
  const strengths = masks.map(({ action }) => action.strength);
  const { start } = new PathAutomaton(paths, strengths);
  const media = new Set(declared.flatMap(({ declaration }) => ('media' in declaration ? declaration.media : [])));
  const compiled = { start, paths: masks, detectors, opinions: opinionPaths(paths), media };
  const described = [
    ...masks.map(({ path, action }) => ({ path, action: action.name })),
    ...detectors.map(({ detector, mode }) => ({ path: `detect ${detector.name}`, action: mode })),
    ...[...media].map((kind) => ({ path: `media ${kind}`, action: 'pass' })),
  ];
  return {
    apply: (answer, tokens) => {
      // Reported, so never served; were it served all the same, nothing would leave.
      if (broken) throw new WithheldError('a mask of this tool did not compile');
      return maskAnswer(answer, compiled, tokens);
    },
    asked: compiled.opinions,
    words: (said) => new DetectorPass(detectors, {}).value(said, JSON.stringify(said)) as typeof said,
    describe: () => described,
  };
}

function schemaAfter(declared: readonly DeclaredMask<MaskDeclaration>[], before: JsonSchema): JsonSchema | undefined {
  const declarations = declared.map(({ declaration }) => declaration);
  const pathMasks = declarations.filter((declaration) => 'path' in declaration);
  const paths: JsonPath[] = [];
  for (const declaration of pathMasks) {
    const path = parsed(declaration);
    if (path instanceof JsonPathError) return undefined;
    paths.push(path);
  }
  const removes = pathMasks.map((declaration) => declaration.with === 'remove');
  const detected = schemaAfterDetectors(before, activeDetectors(declarations));
  return schemaAfterMasks(detected, new PathAutomaton(paths, []).start, removes);
}

/** Secrets never leave unless a declaration says so; of several about one detector the last counts. */
function activeDetectors(declarations: readonly MaskDeclaration[]): ActiveDetector[] {
  const modes = new Map<DetectorName, DetectorDeclaration['with']>([['secrets', 'mask']]);
  for (const declaration of declarations) {
    if (!('detect' in declaration)) continue;
    for (const name of declaration.detect) modes.set(name, declaration.with);
  }
  return DETECTORS.flatMap((detector) => {
    const mode = modes.get(detector.name) ?? 'off';
    return mode === 'off' ? [] : [{ detector, mode }];
  });
}

function parsed(declaration: PathMaskDeclaration): JsonPath | JsonPathError {
  try {
    return parseJsonPath(declaration.path);
  } catch (cause) {
    if (cause instanceof JsonPathError) return cause;
    throw cause;
  }
}
