// The second pass: looks for detectors' forms in everything that the paths have left. Pure.
import { WithheldError } from '../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';
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
    // Escapes in nested JSON hide the characters that hints look for.
    if (text.includes('\\u') || text.includes('\\/')) return this.#detectors;
    const seen = NOT_ASCII.test(text) ? text + plainForm(text) : text;
    const decoded = decodedRuns(seen).join('\n');
    return this.#detectors.filter(({ detector }) => detector.hint.test(seen) || detector.hint.test(decoded));
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
    let after = text;
    for (const active of possible) after = this.#detect(after, active);
    if (after !== text) return after;
    // Not as it is written, but as it is read: full-width letters, invisible characters, one level of base64.
    if (NOT_ASCII.test(text)) {
      const plain = plainForm(text);
      const found = plain === text ? plain : possible.reduce((left, active) => this.#detect(left, active), plain);
      if (found !== plain) return found;
    }
    return text.replace(BASE64_RUN, (run) => {
      const decoded = decodedText(run);
      if (decoded === undefined) return run;
      for (const active of possible) {
        if (this.#detect(decoded, active) !== decoded) return active.detector.label;
      }
      return run;
    });
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
/** Bounded, so that the engine's stack is; four characters of base64 are three bytes, so a cut falls between them. */
const BASE64_RUN = /[A-Za-z0-9+/_-]{16,4096}={0,2}/g;

/** Compatibility forms (NFKC) in their plain letters and digits, without invisible characters. */
function plainForm(text: string): string {
  return text.normalize('NFKC').replace(INVISIBLE, '');
}

function decodedRuns(text: string): string[] {
  return (text.match(BASE64_RUN) ?? []).map(decodedText).filter((decoded) => decoded !== undefined);
}

/** What a run of base64 or base64url says, where that is printable text. */
function decodedText(run: string): string | undefined {
  const bytes = Buffer.from(run, 'base64');
  // The first bytes tell nearly all that is no text.
  for (const byte of bytes) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return undefined;
  }
  const decoded = bytes.toString('utf8');
  return decoded.includes('\ufffd') ? undefined : decoded;
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
