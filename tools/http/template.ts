// Texts with `{argument}` in them, filled in by where they stand: what a value may do in a path is not what it may do in a header. Pure.
import { BackendError } from '../../src/core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts';

/** Thrown for a value that cannot stand where it is wanted. Nothing has been sent. */
function unfit(argument: string, where: string, why: string): BackendError {
  const words = `The argument ${argument} cannot be used: ${why}. Correct it and call again.`;
  return new BackendError('backend_rejected', `${argument} cannot stand in ${where}: ${why}`, { words });
}

/** Literal text and names of arguments in turn: `/a/{b}` is `['/a/', 'b', '']`. */
export type Template = readonly string[];

const PLACEHOLDER = /\{([^{}]*)\}/;

export function readTemplate(text: string): Template {
  return text.split(PLACEHOLDER);
}

/** The arguments that a template names, each once. */
function namesOf(template: Template): readonly string[] {
  return [...new Set(template.filter((_, index) => index % 2 === 1))];
}

/** Undefined where it names an argument that was left out. */
function fill(template: Template, args: JsonObject, encode: (value: Json, name: string) => string): string | undefined {
  let text = '';
  for (const [index, part] of template.entries()) {
    if (index % 2 === 0) {
      text += part;
      continue;
    }
    const value = valueOf(args, part);
    if (value === undefined) return undefined;
    text += encode(value, part);
  }
  return text;
}

function valueOf(args: JsonObject, name: string): Json | undefined {
  const value = Object.hasOwn(args, name) ? args[name] : undefined;
  return value === null ? undefined : value;
}

function plain(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Some servers decode more than once before they look for `..`. */
const MAX_DECODINGS = 4;

/** A value stays within its segment: encoded, and refused where any reader could take a part of it for `.` or `..`. */
export function fillPath(template: Template, args: JsonObject): string {
  const filled = fill(template, args, (value, name) => {
    const text = Array.isArray(value) ? (value as readonly Json[]).map(plain).join(',') : plain(value);
    if (text === '') throw unfit(name, 'the path', 'it is empty');
    if (climbs(text)) throw unfit(name, 'the path', 'it has a part that means another directory');
    return encode(text, name, 'the path');
  });
  if (filled === undefined) throw new BackendError('backend_rejected', 'an argument of the path was left out');
  // Two values, or a value and what stands beside it, can make together what neither is.
  if (climbs(filled)) throw unfit(namesOf(template).join(' and '), 'the path', 'together they mean another directory');
  return filled;
}

function climbs(text: string): boolean {
  let read = text;
  for (let times = 0; times <= MAX_DECODINGS; times++) {
    if (read.split(/[/\\]/).some((part) => /^\.{1,2}(;.*)?$/.test(part))) return true;
    const next = read.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    if (next === read) return false;
    read = next;
  }
  // What is still encoded then was made to be overlooked.
  return true;
}

/** One `name=value`, or one for each item of a list; nothing where an argument was left out. */
export function fillQuery(name: string, template: Template, args: JsonObject): readonly string[] {
  const [before = '', only = '', after] = template;
  const value = template.length === 3 && before === '' && after === '' ? valueOf(args, only) : undefined;
  const key = encodeURIComponent(name);
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item) => `${key}=${encode(plain(item), only, 'the query')}`);
  }
  const text = fill(template, args, plain);
  return text === undefined ? [] : [`${key}=${encode(text, name, 'the query')}`];
}

/** One `name=value`, with the items of a list in it; nothing where the argument was left out. */
export function fillList(name: string, argument: string, separator: string, args: JsonObject): readonly string[] {
  const value = valueOf(args, argument);
  if (!Array.isArray(value)) return fillQuery(name, ['', argument, ''], args);
  const items = (value as readonly Json[]).map((item) => encode(plain(item), argument, 'the query'));
  return [`${encodeURIComponent(name)}=${items.join(separator)}`];
}

/** Undefined where an argument was left out. */
export function fillHeader(template: Template, args: JsonObject): string | undefined {
  return fill(template, args, (value, name) => {
    const text = plain(value);
    if (!/^[\t\x20-\x7e]*$/.test(text)) throw unfit(name, 'a header', 'a header takes one line of ASCII characters');
    return text;
  });
}

/** A body: `{argument}` alone is the value as it is, within other text it is text; what names one that was left out is left out. */
export function fillBody(declared: Json, args: JsonObject): Json | undefined {
  if (typeof declared === 'string') {
    const template = readTemplate(declared);
    const [before, only = '', after] = template;
    if (template.length === 3 && before === '' && after === '') {
      return Object.hasOwn(args, only) ? args[only] : undefined;
    }
    return fill(template, args, plain);
  }
  if (Array.isArray(declared)) {
    return (declared as readonly Json[]).flatMap((item) => {
      const filled = fillBody(item, args);
      return filled === undefined ? [] : [filled];
    });
  }
  if (!isJsonObject(declared)) return declared;
  return Object.fromEntries(
    Object.entries(declared).flatMap(([key, part]) => {
      const filled = fillBody(part, args);
      return filled === undefined ? [] : [[key, filled] as const];
    }),
  );
}

/** Every template in a declared body, with where it stands. */
export function* bodyTemplates(
  declared: Json,
  path: readonly (string | number)[] = [],
): Generator<{ readonly text: string; readonly path: readonly (string | number)[] }> {
  if (typeof declared === 'string') yield { text: declared, path };
  else if (Array.isArray(declared)) {
    for (const [index, item] of (declared as readonly Json[]).entries()) yield* bodyTemplates(item, [...path, index]);
  } else if (isJsonObject(declared)) {
    for (const [key, part] of Object.entries(declared)) yield* bodyTemplates(part, [...path, key]);
  }
}

/** Percent-encodes everything that is not unreserved (RFC 3986), so that a value can end nothing and begin nothing. */
function encode(text: string, name: string, where: string): string {
  if (!text.isWellFormed()) throw unfit(name, where, 'it holds half a surrogate pair');
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
