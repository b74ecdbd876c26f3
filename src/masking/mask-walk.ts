// The one walk over a value that applies all masks of a tool. Pure: the value is never changed, and what no mask touches is
// shared with it. Called for each document of an answer.
import { WithheldError } from '../core/errors.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';
import type { TokenIssuer } from '../core/token-vault.ts';
import { MAX_NESTED_DOCUMENTS } from './limits.ts';
import { REMOVED, type MaskAction } from './mask-action.ts';
import { looksLikeBrokenJson, mayBeJson, parseJsonText } from './nested-json.ts';
import type { PathState } from './path-automaton.ts';
import { changeParameters, mayHaveParameters } from './url-parameters.ts';

export interface WalkedMask {
  readonly action: MaskAction;
}

/** What the masks took, by index of the mask. */
export interface Findings {
  /** How often each mask took something. */
  readonly taken: number[];
  /** Whether a place that the mask selects was found, or lay inside something that another mask took. */
  readonly found: boolean[];
}

export type MaskedJson = Json | typeof REMOVED;

/** Masks one document; `$` is its root. Throws WithheldError in any doubt. Adds to `findings`. */
export function maskDocument(
  document: Json,
  start: PathState,
  masks: readonly WalkedMask[],
  findings: Findings,
  tokens: TokenIssuer,
): MaskedJson {
  return new MaskWalk(document, masks, findings, tokens).visit(document, start, 0, 0);
}

class MaskWalk {
  readonly #root: Json;
  readonly #masks: readonly WalkedMask[];
  readonly #findings: Findings;
  readonly #tokens: TokenIssuer;

  constructor(root: Json, masks: readonly WalkedMask[], findings: Findings, tokens: TokenIssuer) {
    this.#tokens = tokens;
    this.#root = root;
    this.#masks = masks;
    this.#findings = findings;
  }

  /** The same value where nothing below was taken. `nested` counts the strings that had to be parsed to get here. */
  visit(value: Json, state: PathState, depth: number, nested: number): MaskedJson {
    if (state.selected.length > 0) return this.#take(value, state);
    if (!state.live) return value;
    if (typeof value === 'string') return this.#string(value, state, depth, nested);
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= MAX_JSON_DEPTH) {
      throw new WithheldError(`the result is nested more than ${String(MAX_JSON_DEPTH)} deep`);
    }
    return isArray(value)
      ? this.#array(value, state, depth + 1, nested)
      : this.#object(value, state, depth + 1, nested);
  }

  #take(value: Json, state: PathState): MaskedJson {
    const { taken, found } = this.#findings;
    for (const index of state.selected) found[index] = true;
    for (const index of state.below) found[index] = true;
    const mask = this.#masks[state.strongest];
    if (mask === undefined) throw new RangeError('a selected place has no mask');
    taken[state.strongest] = (taken[state.strongest] ?? 0) + 1;
    return mask.action.apply(value, this.#tokens);
  }

  #object(object: JsonObject, state: PathState, depth: number, nested: number): JsonObject {
    // Most paths end in names, so most members need not be looked at.
    const keys = state.onlyNames ? state.names : Object.keys(object);
    let copy: Record<string, Json> | undefined;
    let removed: Set<string> | undefined;
    for (const key of keys) {
      const value = object[key];
      if (value === undefined) continue;
      const masked = this.visit(value, state.member(key, value, this.#root), depth, nested);
      if (masked === value) continue;
      if (masked === REMOVED) (removed ??= new Set()).add(key);
      // A spread copies `__proto__` as the plain member it is in JSON; the assignment then finds it there.
      else (copy ??= { ...object })[key] = masked;
    }
    return removed === undefined ? (copy ?? object) : without(copy ?? object, removed);
  }

  #array(array: readonly Json[], state: PathState, depth: number, nested: number): readonly Json[] {
    let copy: Json[] | undefined;
    const { length } = array;
    for (let index = 0; index < length; index++) {
      const value = array[index] as Json;
      const masked = this.visit(value, state.element(index, length, value, this.#root), depth, nested);
      if (masked === value && copy === undefined) continue;
      copy ??= array.slice(0, index);
      if (masked !== REMOVED) copy.push(masked);
    }
    return copy ?? array;
  }

  /** A string that holds JSON, or a URL's parameters, is walked as though they stood in its place. */
  #string(text: string, state: PathState, depth: number, nested: number): string {
    if (mayBeJson(text)) return this.#jsonText(text, state, depth, nested);
    if (!mayHaveParameters(text)) return text;
    return changeParameters(text, (name, value) => {
      const masked = this.visit(value, state.member(name, value, this.#root), depth, nested);
      return masked === REMOVED ? undefined : (masked as string);
    });
  }

  #jsonText(text: string, state: PathState, depth: number, nested: number): string {
    const value = parseJsonText(text);
    if (value === undefined) {
      if (looksLikeBrokenJson(text)) throw new WithheldError('a string looks like JSON and cannot be parsed');
      return text;
    }
    if (nested >= MAX_NESTED_DOCUMENTS) {
      throw new WithheldError(`JSON stands in strings more than ${String(MAX_NESTED_DOCUMENTS)} deep`);
    }
    const masked = this.visit(value, state, depth, nested + 1);
    return masked === value ? text : JSON.stringify(masked);
  }
}

/** Rebuilt rather than deleted from: an object that has lost a member is slow to serialise. */
function without(object: JsonObject, removed: ReadonlySet<string>): JsonObject {
  const rest: Record<string, Json> = {};
  for (const key of Object.keys(object)) {
    if (removed.has(key)) continue;
    if (key === '__proto__') Object.defineProperty(rest, key, { ...Object.getOwnPropertyDescriptor(object, key) });
    else rest[key] = object[key] as Json;
  }
  return rest;
}

function isArray(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
