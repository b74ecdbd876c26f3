// Canonical JSON (RFC 8785): one text for one value, whatever the order of its keys. Pure.
// Digests and log entries are made over this text.
import type { Json } from './json.ts';

/**
 * The RFC 8785 text of a value: keys sorted by UTF-16 code units, numbers as ECMAScript prints them, no white space.
 * Throws TypeError for what has no such text: a non-finite number, a lone surrogate, and anything that is not plain JSON.
 */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${String(value)} has no canonical JSON`);
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return isArray(value) ? canonicalArray(value) : canonicalObject(value);
    default:
      throw new TypeError(`a value of type ${typeof value} has no canonical JSON`);
  }
}

/** Printable ASCII without quote and backslash: most strings there are, and nothing in them needs an escape. */
const PLAIN = /^[ !#-[\]-~]*$/;

function canonicalString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  // JSON.stringify would escape a lone surrogate; RFC 8785 section 3.2.2.2 demands an error.
  if (!text.isWellFormed()) throw new TypeError('a string with a lone surrogate has no canonical JSON');
  return JSON.stringify(text);
}

function canonicalArray(items: readonly Json[]): string {
  let text = '[';
  for (let index = 0; index < items.length; index++) {
    text += (index === 0 ? '' : ',') + canonicalJson(items[index] as Json);
  }
  return text + ']';
}

function canonicalObject(object: { readonly [key: string]: Json }): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  // An instance of a class would lose what it hides, silently.
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an instance of a class has no canonical JSON`);
  }
  let text = '{';
  for (const key of Object.keys(object).sort()) {
    text += (text === '{' ? '' : ',') + canonicalString(key) + ':' + canonicalJson(object[key] as Json);
  }
  return text + '}';
}

function isArray(value: readonly Json[] | { readonly [key: string]: Json }): value is readonly Json[] {
  return Array.isArray(value);
}
