// JSON that stands inside a string. Pure.
import { isExactNumber } from '../core/exact-json.ts';
import type { Json } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';
import { WithheldError } from '../core/errors.ts';
import { parseStrictJson } from '../core/strict-json.ts';

/**
 * The value of a JSON text, or undefined where the text is not JSON. A number that a double cannot hold exactly comes out as
 * a string. Throws WithheldError for JSON that two readers could read differently: a key given twice, half a surrogate
 * pair, too deep.
 */
export function parseJsonText(text: string): Json | undefined {
  const exact = MAY_HOLD_INEXACT_NUMBERS.test(text) ? quoteInexactNumbers(text) : text;
  const parsed = parseStrictJson(exact.trim(), { maxDepth: MAX_JSON_DEPTH });
  if (parsed.ok) return parsed.value;
  if (isJson(text)) throw new WithheldError(`JSON inside a string: ${parsed.reason}`);
  return undefined;
}

/**
 * Whether a text begins as a JSON object, array or string does, after white space of any kind: a reader of the text does not
 * mind a no-break space, or a byte order mark. Cheap enough to ask of every string.
 */
export function mayBeJson(text: string): boolean {
  const first = text.charCodeAt(0);
  if (first > 0x7b && first < 0xa0) return false;
  return STARTS_AS_JSON.test(text);
}

/** Whether a text begins as nothing but JSON does: what masks leave, such as `[redacted]`, does not. */
export function beginsAsJson(text: string): boolean {
  return mayBeJson(text) && BEGINS_AS_JSON.test(text);
}

/** Whether a text that is not JSON still looks as if it had named members: cut off, with comments, line by line. */
export function looksLikeBrokenJson(text: string): boolean {
  return STARTS_WITH_MEMBERS.test(text);
}

const STARTS_AS_JSON = /^\s*[{["]/;
const BEGINS_AS_JSON = /^\s*(?:"|\{[ \t\r\n]*["}]|\[[ \t\r\n]*[\]{["\d-]|\[[ \t\r\n]*(?:true|false|null)\b)/;
/** `{"a":`, `[{'a' :`, `{a:`; not prose such as `[12:30] started`. */
const STARTS_WITH_MEMBERS = /^\s*[{[][{[\s]*["'][^]*["']\s*:|^[\s[]*\{\s*[\w$]+\s*:/;
/** Fifteen significant digits always fit; an exponent may go anywhere. */
const MAY_HOLD_INEXACT_NUMBERS = /[\d.]{16}|\d[eE]/;
/** A string that is not closed ends with the text, so that none of it is looked at again. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\[^]?[^"\\]*)*(?:"|$)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function quoteInexactNumbers(text: string): string {
  return text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') || isExactNumber(token) ? token : `"${token}"`,
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.trim());
    return true;
  } catch {
    return false;
  }
}
