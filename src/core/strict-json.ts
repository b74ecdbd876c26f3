// JSON as the edge accepts it. Pure. Everything refused here would mean one thing to one reader and another
// to the next: a key given twice, a number that is rounded, a string that has no canonical form.
import type { Json } from './json.ts';

export interface StrictJsonLimits {
  /** How many arrays and objects may stand inside one another. */
  readonly maxDepth: number;
}

export type StrictJson =
  | { readonly ok: true; readonly value: Json }
  /** `position` is the zero-based offset into the text, in UTF-16 units. `reason` never quotes the text. */
  | { readonly ok: false; readonly position: number; readonly reason: string };

/**
 * Parses JSON (RFC 8259), and refuses: a key that stands twice in one object; nesting deeper than `maxDepth`;
 * whole numbers beyond ±(2^53−1), unless written with an exponent; numbers beyond the range of a double; strings with
 * half a surrogate pair, which RFC 8785 cannot write; `__proto__` as a key, which some readers drop and some obey.
 */
export function parseStrictJson(text: string, limits: StrictJsonLimits): StrictJson {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { ok: false, position: syntaxErrorPosition(text, error), reason: 'this is not valid JSON' };
  }
  const fault = findFault(text, limits);
  return fault === undefined ? { ok: true, value } : { ok: false, ...fault };
}

interface Fault {
  readonly position: number;
  readonly reason: string;
}

/** One pass over a text that is known to be valid JSON. */
function findFault(text: string, limits: StrictJsonLimits): Fault | undefined {
  if (!text.isWellFormed()) return { position: loneSurrogate(text), reason: HALF_A_PAIR };
  /** The keys of each object around the position; undefined stands for an array. */
  const open: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let nextBackslash = indexOfOrEnd(text, '\\', 0);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      if (nextBackslash < at) nextBackslash = indexOfOrEnd(text, '\\', at);
      const nextQuote = text.indexOf('"', at + 1);
      const escaped = nextBackslash < nextQuote;
      const close = escaped ? closingQuote(text, at) : nextQuote;
      const isKey = keys !== undefined && followedByColon(text, close);
      // A slice costs more than all the rest: plain values are not cut out.
      if (isKey || escaped) {
        const string = escaped ? (JSON.parse(text.slice(at, close + 1)) as string) : text.slice(at + 1, close);
        if (escaped && !string.isWellFormed()) return { position: at, reason: HALF_A_PAIR };
        if (isKey && keys !== undefined) {
          if (string === '__proto__') return { position: at, reason: 'a key is "__proto__"' };
          if (keys.has(string)) return { position: at, reason: 'a key stands twice in one object' };
          keys.add(string);
        }
      }
      at = close;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      if (open.length === limits.maxDepth) {
        return { position: at, reason: `arrays and objects are nested more than ${String(limits.maxDepth)} deep` };
      }
      keys = unit === OPEN_BRACE ? new Set() : undefined;
      open.push(keys);
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      open.pop();
      keys = open.at(-1);
    } else if (unit === MINUS || isDigit(unit)) {
      const end = endOfNumber(text, at);
      // Up to fifteen characters no number can be unsafe, and only an exponent makes it large.
      const reason = end - at > 15 || hasExponent(text, at, end) ? numberFault(text.slice(at, end)) : undefined;
      if (reason !== undefined) return { position: at, reason };
      at = end - 1;
    }
  }
  return undefined;
}

const HALF_A_PAIR = 'a string holds half a surrogate pair';
const QUOTE = 0x22;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Sets the bit that tells `E` from `e`. */
const LOWER = 0x20;
const EXPONENT = 0x65;

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;

function indexOfOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at === -1 ? text.length : at;
}

function closingQuote(text: string, open: number): number {
  for (let at = open + 1; ; at++) {
    const unit = text.charCodeAt(at);
    if (unit === BACKSLASH) at++;
    else if (unit === QUOTE) return at;
  }
}

/** In valid JSON a colon, after any white space, follows keys and nothing else. */
function followedByColon(text: string, quote: number): boolean {
  let at = quote + 1;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
}

/** Everything that a number can hold, and nothing that can follow one. */
function endOfNumber(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const unit = text.charCodeAt(at);
    const part = isDigit(unit) || unit === DOT || unit === MINUS || unit === PLUS || (unit | LOWER) === EXPONENT;
    if (!part) return at;
  }
}

function hasExponent(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((text.charCodeAt(at) | LOWER) === EXPONENT) return true;
  return false;
}

function numberFault(token: string): string | undefined {
  const number = Number(token);
  if (!Number.isFinite(number)) return 'a number is beyond the range of a double';
  // An exponent says that a double was meant; without one, every digit was.
  const everyDigitCounts = !hasExponent(token, 0, token.length);
  if (everyDigitCounts && Number.isInteger(number) && !Number.isSafeInteger(number)) {
    return 'a whole number is beyond ±9007199254740991 and would be rounded; send it as a string';
  }
  return undefined;
}

function loneSurrogate(text: string): number {
  let at = 0;
  for (const character of text) {
    if (!character.isWellFormed()) return at;
    at += character.length;
  }
  return at;
}

function syntaxErrorPosition(text: string, error: unknown): number {
  const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  return position === undefined ? text.length : Number(position);
}
