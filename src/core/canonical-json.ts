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

/** Texts of values that come again and again, and never change. */
const remembered = new WeakMap<object, string>();

/** The same object, frozen with all that it holds; its text is made once. For what stands in entry after entry. */
export function rememberCanonical<Value extends { readonly [key: string]: Json }>(value: Value): Value {
  deepFreeze(value);
  remembered.set(value, canonicalObject(value));
  return value;
}

function deepFreeze(value: Json): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
}

function canonicalObject(object: { readonly [key: string]: Json }): string {
  const known = remembered.get(object);
  if (known !== undefined) return known;
  const prototype: unknown = Object.getPrototypeOf(object);
  // An instance of a class would lose what it hides, silently.
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an instance of a class has no canonical JSON`);
  }
  let text = '{';
  for (const key of sortedKeys(object)) {
    text += (text === '{' ? '' : ',') + canonicalString(key) + ':' + canonicalJson(object[key] as Json);
  }
  return text + '}';
}

/** Above this many, sorting by insertion takes longer. */
const MAX_INSERTED = 24;

/** By UTF-16 code units. Array.prototype.sort copies what it sorts, which costs more than to sort the few keys of an entry. */
export function sortedKeys(object: { readonly [key: string]: unknown }): readonly string[] {
  const keys = Object.keys(object);
  if (keys.length > MAX_INSERTED) return keys.sort();
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index] ?? '';
    let at = index;
    for (let before = keys[at - 1]; before !== undefined && before > key; before = keys[at - 1]) keys[at--] = before;
    keys[at] = key;
  }
  return keys;
}

function isArray(value: readonly Json[] | { readonly [key: string]: Json }): value is readonly Json[] {
  return Array.isArray(value);
}
