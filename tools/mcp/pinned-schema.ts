// The schemas of a pinned definition as the broker uses them: without references, closed, in one dialect, checked. Pure.
import type { AnySchemaObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../src/core/json.ts';
import { linearRegExp } from '../../src/core/linear-reg-exp.ts';
import { linearUniqueItems } from '../../src/core/linear-unique-items.ts';

/** What a schema may become once its references have been replaced by what they stand for. */
const MAX_PARTS = 20_000;
/** Keywords that hold values, in which nothing refers to anything. */
const VALUES = new Set(['enum', 'const', 'default', 'examples']);
/** Ways to refer that depend on where a schema stands, or on how it is reached. */
const UNSUPPORTED = ['$id', '$anchor', '$dynamicRef', '$dynamicAnchor', '$recursiveRef'];

export type UsableSchema = { readonly schema: JsonSchema } | { readonly problem: string };

/** Closed: an argument that the schema does not name is refused, whatever the upstream would do with it. */
export function argumentSchema(pinned: JsonSchema): UsableSchema {
  const usable = usableSchema(pinned);
  if ('problem' in usable) return usable;
  const { properties = {}, ...rest } = usable.schema;
  return { schema: { ...rest, type: 'object', properties, additionalProperties: false } };
}

export function usableSchema(pinned: JsonSchema): UsableSchema {
  try {
    const { $schema, $defs: _, definitions: __, ...schema } = new Inlining(pinned).whole();
    if (typeof $schema === 'string' && !/draft-0[67]|2019-09|2020-12/.test($schema))
      return { problem: `its dialect is not known: ${$schema}` };
    if (schema['type'] !== 'object') return { problem: 'it is not about an object' };
    newAjv().compile(schema as AnySchemaObject);
    return { schema };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether a value is what a usable schema says. */
export function valueCheck(schema: JsonSchema): (value: Json) => boolean {
  const fits = newAjv().compile(schema as AnySchemaObject);
  return (value) => fits(value) === true;
}

function newAjv(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, logger: false, code: { regExp: linearRegExp } });
  addFormats.default(ajv);
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword(linearUniqueItems);
  return ajv;
}

class Inlining {
  readonly #root: JsonSchema;
  #parts = 0;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  whole(): JsonObject {
    return this.#part(this.#root, []) as JsonObject;
  }

  #part(part: Json, within: readonly string[]): Json {
    if (++this.#parts > MAX_PARTS) throw new Error('it is too large once its references are replaced');
    if (Array.isArray(part)) return (part as readonly Json[]).map((item) => this.#part(item, within));
    if (!isJsonObject(part)) return part;
    for (const keyword of UNSUPPORTED) {
      if (typeof part[keyword] === 'string') throw new Error(`it uses ${keyword}`);
    }
    const { $ref, ...rest } = part;
    if (typeof $ref === 'string') {
      if (within.includes($ref)) throw new Error(`it refers to itself: ${$ref}`);
      const target = this.#part(this.#target($ref), [...within, $ref]);
      return { ...(isJsonObject(target) ? target : {}), ...this.#members(rest, within) };
    }
    return this.#members(part, within);
  }

  #members(part: JsonObject, within: readonly string[]): JsonObject {
    const members = Object.entries(part)
      // Reached by references alone.
      .filter(([key]) => part !== this.#root || (key !== '$defs' && key !== 'definitions'))
      .map(([key, value]) => [key, VALUES.has(key) ? value : this.#part(value, within)] as const);
    return tuples(Object.fromEntries(members));
  }

  #target(ref: string): Json {
    if (!ref.startsWith('#')) throw new Error(`it refers to something outside: ${ref}`);
    const steps = decodeURIComponent(ref.slice(1)).split('/').slice(1);
    let target: Json | undefined = this.#root;
    for (const step of steps) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
      target =
        (isJsonObject(target) || Array.isArray(target)) && Object.hasOwn(target, key)
          ? (target as JsonObject)[key]
          : undefined;
    }
    if (target === undefined) throw new Error(`it refers to nothing: ${ref}`);
    return target;
  }
}

/** A list of `items` is what `prefixItems` is called since 2020-12. */
function tuples(part: JsonObject): JsonObject {
  const { items, additionalItems, ...rest } = part;
  if (!Array.isArray(items)) return part;
  return { ...rest, prefixItems: items, ...(additionalItems === undefined ? {} : { items: additionalItems }) };
}
