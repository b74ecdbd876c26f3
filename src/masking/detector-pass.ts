// The second pass: looks for detectors' forms in everything that the paths have left. Pure.
import { WithheldError } from '../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';
import { base64Runs, base64Text } from './base64-runs.ts';
import { replaceDetected, type Detector } from './detector.ts';
import { MAX_DETECTION_MS, MAX_NESTED_DOCUMENTS, MAX_REMEMBERED_NAMES } from './limits.ts';
import { isStandIn } from './mask-action.ts';
import { beginsAsJson, parseJsonText } from './nested-json.ts';
import { hasAt, isForeign, mayHoldBase64, shapeOf } from './text-shape.ts';
import { changeParameters, mayHaveParameters } from './url-parameters.ts';

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
  /** Names in which nothing was found: rows repeat them. */
  readonly #plainNames = new Set<string>();
  readonly #now: () => number;
  readonly #deadline: number;
  /** Characters looked at since the clock was. */
  #characters = 0;

  /** @param now milliseconds of a clock that does not go back */
  constructor(
    detectors: readonly ActiveDetector[],
    counts: Record<string, number>,
    now: () => number = () => performance.now(),
  ) {
    this.#detectors = detectors;
    this.#counts = counts;
    this.#now = now;
    this.#deadline = now() + MAX_DETECTION_MS;
  }

  /** A value and its JSON text; the same value where nothing was found. */
  value(value: Json, text: string): Json {
    return this.#mayHoldAny(text) ? this.#json(value, 0, 0) : value;
  }

  /** A text that leaves as it is. */
  text(text: string): string {
    return this.#mayHoldAny(text) ? this.#string(text, 0, 0) : text;
  }

  /** One look at the whole text tells, for some detectors most of the time, that nothing is there. */
  #mayHoldAny(text: string): boolean {
    const detectors = this.#detectors;
    if (detectors.length === 0) return false;
    // Escapes in nested JSON hide the characters that the look is for.
    if (text.includes('\\u') || text.includes('\\/')) return true;
    const shape = shapeOf(text);
    if (hasAt(shape) && PERCENT_ENCODED.test(text)) return true;
    if (detectors.some(({ detector }) => detector.mayHold(shape, text))) return true;
    if (isForeign(shape) && this.#mayHoldPlain(plainForm(text))) return true;
    return base64Runs(text).some(({ start, end }) => this.#mayHoldPlain(base64Text(text.slice(start, end))));
  }

  #mayHoldPlain(text: string | undefined): boolean {
    if (text === undefined) return false;
    const shape = shapeOf(text);
    return this.#detectors.some(({ detector }) => detector.mayHold(shape, text));
  }

  #json(value: Json, depth: number, nested: number): Json {
    if (typeof value === 'string') return this.#string(value, depth, nested);
    if (typeof value === 'number') return this.#number(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= MAX_JSON_DEPTH) throw new WithheldError(`the result is nested more than ${MAX_JSON_DEPTH} deep`);
    return isJsonObject(value) ? this.#object(value, depth + 1, nested) : this.#array(value, depth + 1, nested);
  }

  #array(array: readonly Json[], depth: number, nested: number): readonly Json[] {
    let copy: Json[] | undefined;
    const { length } = array;
    for (let index = 0; index < length; index++) {
      const element = array[index] as Json;
      const after = this.#json(element, depth, nested);
      if (after !== element) (copy ??= array.slice())[index] = after;
    }
    return copy ?? array;
  }

  /** Names of members are looked at too: some systems key records by e-mail address. */
  #object(object: JsonObject, depth: number, nested: number): JsonObject {
    let copy: Record<string, Json> | undefined;
    let renamed = false;
    const names = Object.keys(object);
    for (const name of names) {
      const value = object[name] as Json;
      renamed ||= this.#name(name) !== name;
      const after = this.#json(value, depth, nested);
      // A spread copies `__proto__` as the plain member it is in JSON; the assignment then finds it there.
      if (after !== value) (copy ??= { ...object })[name] = after;
    }
    const left = copy ?? object;
    return renamed ? withDistinctNames(names.map((name) => [this.#name(name), left[name] as Json])) : left;
  }

  #name(name: string): string {
    if (this.#plainNames.has(name)) return name;
    const after = this.#plain(name);
    if (after === name && this.#plainNames.size < MAX_REMEMBERED_NAMES) this.#plainNames.add(name);
    return after;
  }

  #number(value: number): Json {
    // The shortest number that is anything has seven digits.
    if (value < 1_000_000 && value > -1_000_000 && Number.isInteger(value)) return value;
    const text = String(value);
    const after = this.#plain(text);
    return after === text ? value : after;
  }

  #string(text: string, depth: number, nested: number): string {
    if (isStandIn(text)) return text;
    const value = beginsAsJson(text) ? parseJsonText(text) : undefined;
    if (value === undefined) return this.#plain(text);
    // Escapes upon escapes hide every form.
    if (nested >= MAX_NESTED_DOCUMENTS) {
      throw new WithheldError(`JSON stands in strings more than ${String(MAX_NESTED_DOCUMENTS)} deep`);
    }
    const after = this.#json(value, depth, nested + 1);
    return after === value ? text : JSON.stringify(after);
  }

  #plain(text: string): string {
    this.#spend(text.length);
    const shape = shapeOf(text);
    const mayBeEncoded = hasAt(shape) && PERCENT_ENCODED.test(text);
    let left = text;
    if (mayBeEncoded && mayHaveParameters(text)) left = changeParameters(text, (_, value) => this.#plain(value));
    left = this.#detectAll(left, shape);
    // Not as it is written, but as it is read: percent-encoded, escaped as in JSON, full-width letters, invisible characters, one level of base64.
    // Also where something was found: what hides may stand beside what does not.
    if (mayBeEncoded) left = this.#readAs(left, (written) => plainForm(percentDecoded(written)));
    if (text.includes('\\u')) left = this.#readAs(left, (written) => plainForm(unescaped(written)));
    if (isForeign(shape)) left = this.#readAs(left, plainForm);
    return mayHoldBase64(shape) || left !== text ? this.#base64(left) : left;
  }

  /** A result that takes longer holds up everybody else's. */
  #spend(characters: number): void {
    this.#characters += characters;
    if (this.#characters < CHARACTERS_BETWEEN_LOOKS) return;
    this.#characters = 0;
    if (this.#now() > this.#deadline) {
      throw new WithheldError(`the detectors were not done after ${String(MAX_DETECTION_MS)} ms`);
    }
  }

  #readAs(text: string, reading: (written: string) => string): string {
    const read = reading(text);
    if (read === text) return text;
    const left = this.#base64(this.#detectAll(read, shapeOf(read)));
    return left === read ? text : left;
  }

  #detectAll(text: string, shape: number): string {
    let left = text;
    // What one has replaced holds less than before, so the first shape holds for all.
    for (const active of this.#detectors) {
      if (active.detector.mayHold(shape, left)) left = this.#detect(left, active);
    }
    return left;
  }

  #base64(text: string): string {
    let left = '';
    let written = 0;
    for (const { start, end } of base64Runs(text)) {
      const decoded = base64Text(text.slice(start, end));
      if (decoded === undefined) continue;
      const found = this.#detectors.find((active) => this.#detect(decoded, active) !== decoded);
      if (found === undefined) continue;
      left += text.slice(written, start) + found.detector.label;
      written = end;
    }
    return left + text.slice(written);
  }

  #detect(text: string, { detector, mode }: ActiveDetector): string {
    const { text: replaced, found } = replaceDetected(text, detector);
    if (found === 0) return text;
    if (mode === 'withhold') throw new WithheldError(`the detector ${detector.name} found something`);
    this.#counts[detector.name] = (this.#counts[detector.name] ?? 0) + found;
    return mode === 'mask' ? replaced : text;
  }
}

/** The clock is looked at once for so many. */
const CHARACTERS_BETWEEN_LOOKS = 16_384;
const PERCENT_ENCODED = /%[0-9A-Fa-f]{2}/;
/** RFC 3986, section 2.1; what is no UTF-8 stays as it is. */
function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** JSON that is cut off or broken is text, and its escapes are. */
function unescaped(text: string): string {
  return text.replace(/\\+u([0-9A-Fa-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

const INVISIBLE = /[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/g;
/** Compatibility forms (NFKC) in their plain letters and digits, without invisible characters. */
function plainForm(text: string): string {
  return text.normalize('NFKC').replace(INVISIBLE, '');
}

/** `[email]`, `[email] 2`, …: two names that were found must not become one member. */
function withDistinctNames(members: readonly [string, Json][]): JsonObject {
  const names = new Set<string>();
  /** Where to count on: there may be as many as a result has members. */
  const counts = new Map<string, number>();
  return Object.fromEntries(
    members.map(([name, value]) => {
      let distinct = name;
      let count = counts.get(name) ?? 1;
      while (names.has(distinct)) distinct = `${name} ${++count}`;
      counts.set(name, count);
      names.add(distinct);
      return [distinct, value];
    }),
  );
}
