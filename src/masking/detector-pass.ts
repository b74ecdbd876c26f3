// The second pass: looks for detectors' forms in everything that the paths have left. Pure.
import { WithheldError } from '../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';
import { base64Runs, base64Text } from './base64-runs.ts';
import { replaceDetected, type Detector } from './detector.ts';
import { MAX_NESTED_DOCUMENTS } from './limits.ts';
import { mayBeJson, parseJsonText } from './nested-json.ts';

/** `mask`: replace what is found. `withhold`: let nothing of the result out. `report`: count it, and let it out. */
export type DetectorMode = 'mask' | 'withhold' | 'report';

export interface ActiveDetector {
  readonly detector: Detector;
  readonly mode: DetectorMode;
}

/** What is found is added to `counts`, by the detector's name. Both throw WithheldError. */
export class DetectorPass {
  readonly #detectors: readonly ActiveDetector[];
  readonly #counts: Record<string, number>;

  constructor(detectors: readonly ActiveDetector[], counts: Record<string, number>) {
    this.#detectors = detectors;
    this.#counts = counts;
  }

  /** A value and its JSON text; the same value where nothing was found. */
  value(value: Json, text: string): Json {
    const possible = this.#possibleIn(text);
    return possible.length === 0 ? value : this.#json(value, possible, 0, 0);
  }

  /** A text that leaves as it is. */
  text(text: string): string {
    const possible = this.#possibleIn(text);
    return possible.length === 0 ? text : this.#string(text, possible, 0, 0);
  }

  /** One look at the whole text tells, most of the time, that nothing is there. */
  #possibleIn(text: string): readonly ActiveDetector[] {
    if (this.#detectors.length === 0) return this.#detectors;
    // Escapes in nested JSON hide the characters that hints look for.
    if (text.includes('\\u') || text.includes('\\/')) return this.#detectors;
    const seen = NOT_ASCII.test(text) ? text + plainForm(text) : text;
    const decoded = base64Runs(seen).flatMap(({ start, end }) => base64Text(seen.slice(start, end)) ?? []);
    const hidden = decoded.join('\n');
    return this.#detectors.filter(({ detector }) => detector.hint.test(seen) || detector.hint.test(hidden));
  }

  #json(value: Json, possible: readonly ActiveDetector[], depth: number, nested: number): Json {
    if (typeof value === 'string') return this.#string(value, possible, depth, nested);
    if (typeof value === 'number') return this.#number(value, possible);
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= MAX_JSON_DEPTH) throw new WithheldError(`the result is nested more than ${MAX_JSON_DEPTH} deep`);
    return isJsonObject(value)
      ? this.#object(value, possible, depth + 1, nested)
      : this.#array(value, possible, depth + 1, nested);
  }

  #array(array: readonly Json[], possible: readonly ActiveDetector[], depth: number, nested: number): readonly Json[] {
    const after = array.map((element) => this.#json(element, possible, depth, nested));
    return after.some((element, index) => element !== array[index]) ? after : array;
  }

  /** Names of members are looked at too: some systems key records by e-mail address. */
  #object(object: JsonObject, possible: readonly ActiveDetector[], depth: number, nested: number): JsonObject {
    let changed = false;
    const members = Object.entries(object).map(([name, value]): [string, Json] => {
      const member: [string, Json] = [this.#plain(name, possible), this.#json(value, possible, depth, nested)];
      changed ||= member[0] !== name || member[1] !== value;
      return member;
    });
    return changed ? Object.fromEntries(withDistinctNames(members)) : object;
  }

  #number(value: number, possible: readonly ActiveDetector[]): Json {
    const text = String(value);
    const after = text.length < 7 ? text : this.#plain(text, possible);
    return after === text ? value : after;
  }

  #string(text: string, possible: readonly ActiveDetector[], depth: number, nested: number): string {
    const value = nested < MAX_NESTED_DOCUMENTS && mayBeJson(text) ? parseJsonText(text) : undefined;
    if (value === undefined) return this.#plain(text, possible);
    const after = this.#json(value, possible, depth, nested + 1);
    return after === value ? text : JSON.stringify(after);
  }

  #plain(text: string, possible: readonly ActiveDetector[]): string {
    const detect = (written: string): string => possible.reduce((left, active) => this.#detect(left, active), written);
    let left = detect(text);
    // Not as it is written, but as it is read: full-width letters, invisible characters, one level of base64. Also where
    // something was found: what hides may stand beside what does not.
    if (NOT_ASCII.test(left)) {
      const plain = plainForm(left);
      const found = plain === left ? plain : detect(plain);
      if (found !== plain) left = found;
    }
    return this.#base64(left, possible);
  }

  #base64(text: string, possible: readonly ActiveDetector[]): string {
    let left = '';
    let written = 0;
    for (const { start, end } of base64Runs(text)) {
      const decoded = base64Text(text.slice(start, end));
      if (decoded === undefined) continue;
      const found = possible.find((active) => this.#detect(decoded, active) !== decoded);
      if (found === undefined) continue;
      left += text.slice(written, start) + found.detector.label;
      written = end;
    }
    return left + text.slice(written);
  }

  #detect(text: string, { detector, mode }: ActiveDetector): string {
    if (!detector.hint.test(text)) return text;
    const { text: replaced, found } = replaceDetected(text, detector);
    if (found === 0) return text;
    if (mode === 'withhold') throw new WithheldError(`the detector ${detector.name} found something`);
    this.#counts[detector.name] = (this.#counts[detector.name] ?? 0) + found;
    return mode === 'mask' ? replaced : text;
  }
}

const NOT_ASCII = /[^\0-\x7f]/;
const INVISIBLE = /[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/g;
/** Compatibility forms (NFKC) in their plain letters and digits, without invisible characters. */
function plainForm(text: string): string {
  return text.normalize('NFKC').replace(INVISIBLE, '');
}

/** `[email]`, `[email] 2`, …: two names that were found must not become one member. */
function withDistinctNames(members: readonly [string, Json][]): [string, Json][] {
  const names = new Set<string>();
  return members.map(([name, value]) => {
    let distinct = name;
    for (let count = 2; names.has(distinct); count++) distinct = `${name} ${count}`;
    names.add(distinct);
    return [distinct, value];
  });
}
