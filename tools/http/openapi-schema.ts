// Schemas of an OpenAPI description (3.0 and 3.1) as JSON Schema 2020-12 for arguments: without references, and closed. Pure.
import { RE2JS } from '@bufbuild/re2';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../src/core/json.ts';
import { entriesOf, LeftOut, listOf, type OpenApi } from './openapi-document.ts';

type Writable = Record<string, Json>;

/** What a model can read, and a validator compile, in one tool. */
const MAX_PARTS = 5_000;

const COPIED = [
  ...['title', 'description', 'default', 'enum', 'const', 'minLength', 'maxLength', 'minimum', 'maximum', 'multipleOf'],
  ...['exclusiveMinimum', 'exclusiveMaximum', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties'],
];
/** Formats that arguments are held to; others are told to nobody, and checked by nobody. */
const FORMATS = new Set(['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'uuid']);
/** Keywords that narrow what fits, and are left to the backend to hold. */
const NOT_CARRIED = [
  ...['if', 'then', 'else', 'dependentRequired', 'dependentSchemas', 'patternProperties', 'propertyNames', 'contains'],
  ...['prefixItems', 'unevaluatedItems', 'unevaluatedProperties', '$dynamicRef'],
];

export class SchemaReader {
  readonly #api: OpenApi;
  readonly #hidden: 'readOnly' | 'writeOnly';
  /** Keywords that were left out, each once. */
  readonly leftOut = new Set<string>();
  /** The references that are being followed. */
  readonly #following: string[] = [];
  #parts = 0;

  /** @param hidden the mark of properties that do not travel this way */
  constructor(api: OpenApi, hidden: 'readOnly' | 'writeOnly' = 'readOnly') {
    this.#api = api;
    this.#hidden = hidden;
  }

  /**
   * Throws LeftOut for a schema that contains itself, that is too large, or whose references lead nowhere.
   *
   * @param open it is a part of a composition, which as a whole says what else there may be
   */
  read(written: Json | undefined, open = false): JsonSchema {
    if (++this.#parts > MAX_PARTS) throw new LeftOut(`its schema has more than ${String(MAX_PARTS)} parts`);
    const { value, reference } = this.#api.resolve(written);
    if (value === false) return { not: {} };
    if (!isJsonObject(value)) return {};
    if (reference === undefined) return this.#convert(value, open);
    if (this.#following.includes(reference)) throw new LeftOut(`the schema ${reference} contains itself`);
    this.#following.push(reference);
    const schema = this.#convert(value, open);
    this.#following.pop();
    // What stands beside a reference is about this use of it.
    const description = isJsonObject(written) ? written['description'] : undefined;
    return typeof description === 'string' ? { ...schema, description } : schema;
  }

  #convert(written: JsonObject, open: boolean): JsonSchema {
    for (const keyword of NOT_CARRIED) if (written[keyword] !== undefined) this.leftOut.add(keyword);
    const schema = this.#scalars(written, open);
    const properties = entriesOf(written['properties']).filter(([, part]) => !this.#isHidden(part));
    if (written['properties'] !== undefined) {
      schema['properties'] = Object.fromEntries(properties.map(([name, part]) => [name, this.read(part)]));
    }
    // What does not travel this way cannot be required.
    const hidden = entriesOf(written['properties']).filter(([, part]) => this.#isHidden(part));
    const required = listOf(written['required']).filter((name) => !hidden.some(([one]) => one === name));
    if (required.length > 0) schema['required'] = required;
    const { items, additionalProperties, allOf, not } = written;
    if (items !== undefined) schema['items'] = this.read(items);
    if (additionalProperties !== undefined) {
      schema['additionalProperties'] = additionalProperties === false ? false : this.read(additionalProperties);
    }
    const composed = ['properties', 'oneOf', 'anyOf', 'allOf'].filter((keyword) => written[keyword] !== undefined);
    for (const keyword of ['oneOf', 'anyOf']) {
      if (written[keyword] === undefined) continue;
      schema[keyword] = listOf(written[keyword]).map((part) => this.read(part, open || composed.length > 1));
    }
    if (not !== undefined) schema['not'] = this.read(not, true);
    const merged = listOf(allOf).reduce<Writable>((whole, part) => merge(whole, this.read(part, true)), schema);
    return nullable(written, open ? merged : closed(merged, written['patternProperties'] !== undefined));
  }

  #scalars(written: JsonObject, open: boolean): Writable {
    const schema: Writable = {};
    const type = written['type'] ?? (written['properties'] === undefined || open ? undefined : 'object');
    if (type !== undefined) schema['type'] = type;
    for (const keyword of COPIED) {
      const value = written[keyword];
      if (value !== undefined) schema[keyword] = value;
    }
    // In 3.0 these two are flags beside the bound.
    for (const [flag, bound] of [
      ['exclusiveMinimum', 'minimum'],
      ['exclusiveMaximum', 'maximum'],
    ] as const) {
      if (typeof written[flag] !== 'boolean') continue;
      Reflect.deleteProperty(schema, flag);
      const limit = schema[bound];
      if (!written[flag] || limit === undefined) continue;
      Reflect.deleteProperty(schema, bound);
      schema[flag] = limit;
    }
    const { format, pattern } = written;
    if (typeof format === 'string' && FORMATS.has(format)) schema['format'] = format;
    if (typeof pattern === 'string') {
      if (isLinear(pattern)) schema['pattern'] = pattern;
      else this.leftOut.add('pattern (not in RE2 syntax)');
    }
    return schema;
  }

  #isHidden(part: Json): boolean {
    const { value } = this.#api.resolve(part);
    return isJsonObject(value) && value[this.#hidden] === true;
  }
}

function isLinear(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch {
    return false;
  }
}

/** An object that names its properties takes no others, unless it says so. */
function closed(schema: Writable, hasPatterns: boolean): Writable {
  if (schema['properties'] === undefined || schema['additionalProperties'] !== undefined || hasPatterns) return schema;
  const composed = ['oneOf', 'anyOf', 'allOf'].some((keyword) => schema[keyword] !== undefined);
  return { ...schema, [composed ? 'unevaluatedProperties' : 'additionalProperties']: false };
}

/** 3.0's way to say that null fits, too. */
function nullable(written: JsonObject, schema: Writable): JsonSchema {
  if (written['nullable'] !== true) return schema;
  const { type, enum: listed } = schema;
  if (typeof type !== 'string') return type === undefined ? { anyOf: [schema, { type: 'null' }] } : schema;
  const values = Array.isArray(listed) ? { enum: [...new Set([...(listed as readonly Json[]), null])] } : {};
  return { ...schema, type: [type, 'null'], ...values };
}

/** Both at once, as one schema where that can be said without `allOf`: rules and people read it so. */
function merge(whole: Writable, part: JsonSchema): Writable {
  const merged: Writable = { ...whole };
  for (const [keyword, value] of Object.entries(part)) {
    const had = merged[keyword];
    if (had === undefined) merged[keyword] = value;
    else if (keyword === 'required') merged[keyword] = [...new Set([...listOf(had), ...listOf(value)])];
    else if (keyword === 'properties') merged[keyword] = mergedProperties(had, value);
    else if (['title', 'description', 'default'].includes(keyword) || same(had, value)) continue;
    else if (keyword === 'allOf') merged[keyword] = [...listOf(had), ...listOf(value)];
    else merged['allOf'] = [...listOf(merged['allOf']), { [keyword]: value }];
  }
  return merged;
}

function mergedProperties(had: Json, more: Json): Json {
  const properties: Writable = { ...(had as JsonObject) };
  for (const [name, part] of entriesOf(more)) {
    const known = properties[name];
    properties[name] = known === undefined || same(known, part) ? part : { allOf: [known, part] };
  }
  return properties;
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
