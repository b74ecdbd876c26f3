// An OpenAPI 3 description as it was read: its operations by id and tag, and what its references stand for. Nothing is fetched. Pure.
import { parse } from 'yaml';
import { isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts';
import type { Document } from '../tool-kind.ts';
import { METHODS, type Method } from './request.ts';

export interface OpenApi {
  /** By id; an operation without one is called after its method and path. */
  readonly operations: ReadonlyMap<string, Operation>;
  readonly tags: ReadonlyMap<string, readonly Operation[]>;
  /** What a value is or refers to, with the name of the last reference. Throws LeftOut. */
  resolve(value: Json | undefined): Resolved;
}

export interface Operation {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  /** Of the path, then its own. */
  readonly parameters: readonly Json[];
  readonly written: JsonObject;
}

export interface Resolved {
  readonly value: Json | undefined;
  readonly reference: string | undefined;
}

/** Thrown where a part of the description has no counterpart in a tool. The message says which and why. */
export class LeftOut extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'LeftOut';
  }
}

/** Aliases may save typing; they may not make a small file a large value. */
const MAX_ALIASES = 1_000;
const MAX_REFERENCES_IN_A_ROW = 32;

/** Each document is read once, however many declarations import from it. */
const read = new WeakMap<Document, OpenApi | string>();

/** The description, or why it is none. */
export function readOpenApi(document: Document): OpenApi | string {
  const known = read.get(document) ?? readText(document.text);
  read.set(document, known);
  return known;
}

function readText(text: string): OpenApi | string {
  let root: unknown;
  try {
    // YAML reads JSON too, and takes thirty times as long.
    root = /^\s*\{/.test(text) ? JSON.parse(text) : parse(text, { maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return `the file is neither JSON nor YAML: ${(error instanceof Error ? error.message : '').split('\n')[0] ?? ''}`;
  }
  if (!isJsonObject(root)) return 'the file is no OpenAPI description';
  const version = root['openapi'];
  if (typeof version !== 'string' || !/^3\.[012]\./.test(version)) {
    const found = root['swagger'] === undefined ? '' : ', and this is Swagger 2; convert it first';
    return `the file is no OpenAPI 3 description: expected \`openapi: 3.x.y\`${found}`;
  }
  return indexed(root);
}

function indexed(root: JsonObject): OpenApi {
  const operations = new Map<string, Operation>();
  const tags = new Map<string, Operation[]>();
  const resolve = (value: Json | undefined): Resolved => resolveIn(root, value);
  for (const [path, written] of entriesOf(root['paths'])) {
    const item = resolveOrNothing(resolve, written);
    if (!isJsonObject(item)) continue;
    for (const method of METHODS) {
      const operation = item[method.toLowerCase()];
      if (!isJsonObject(operation)) continue;
      const { operationId } = operation;
      const id = typeof operationId === 'string' ? operationId : `${method.toLowerCase()} ${path}`;
      const parameters = [...listOf(item['parameters']), ...listOf(operation['parameters'])];
      const one = { id, method, path, parameters, written: operation };
      operations.set(id, one);
      for (const tag of listOf(operation['tags'])) {
        if (typeof tag === 'string') tags.set(tag, [...(tags.get(tag) ?? []), one]);
      }
    }
  }
  return { operations, tags, resolve };
}

function resolveOrNothing(resolve: OpenApi['resolve'], value: Json): Json | undefined {
  try {
    return resolve(value).value;
  } catch {
    return undefined;
  }
}

function resolveIn(root: JsonObject, written: Json | undefined): Resolved {
  let value = written;
  let reference: string | undefined;
  for (let hops = 0; isJsonObject(value) && typeof value['$ref'] === 'string'; hops++) {
    reference = value['$ref'];
    if (hops === MAX_REFERENCES_IN_A_ROW) throw new LeftOut(`the reference ${reference} leads to itself`);
    if (!reference.startsWith('#/')) throw new LeftOut(`the reference ${reference} leaves the file`);
    value = pointedAt(root, reference);
    if (value === undefined) throw new LeftOut(`the reference ${reference} points at nothing`);
  }
  return { value, reference };
}

/** RFC 6901, as the fragment of an address. */
function pointedAt(root: JsonObject, reference: string): Json | undefined {
  let value: Json | undefined = root;
  for (const part of reference.slice(2).split('/')) {
    const key = decodeFragment(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) value = (value as readonly Json[])[Number(key)];
    else value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

function decodeFragment(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

export function entriesOf(value: Json | undefined): readonly (readonly [string, Json])[] {
  return isJsonObject(value) ? Object.entries(value) : [];
}
