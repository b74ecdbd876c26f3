// A tool's `input` block: read, and turned into a closed JSON Schema (2020-12). Pure.
import { RE2JS } from '@bufbuild/re2';
import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../core/json.ts';
import { ACCEPTS_TOKENS, TOKEN_CLASS, tokenPattern } from '../core/value-token.ts';

/** Formats that ajv-formats checks. */
const FORMATS = ['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'uuid'] as const;

const length = z.int().min(0);
const pattern = z
  .string()
  .refine(isPattern, 'expected a regular expression (RE2 syntax: without look-around and back-references)');

const common = {
  description: z.string().trim().min(1).optional().describe('What the model reads about it.'),
  optional: z.boolean().optional().describe('It may be left out.'),
};

const property: z.ZodType<InputProperty> = z.lazy(() => inputProperty);

/** One argument, or a part of one. */
export const inputProperty = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('string'),
      ...common,
      enum: z.array(z.string()).min(1).optional(),
      format: z.enum(FORMATS).optional(),
      pattern: pattern.optional(),
      minLength: length.optional(),
      maxLength: length.optional(),
      examples: z.array(z.string()).optional(),
      accepts: z
        .array(z.string().regex(TOKEN_CLASS, 'expected a class of tokens: lower-case letters, digits and dashes'))
        .min(1)
        .optional()
        .describe('Classes of tokens that it may be, too: the backend gets the value that the token stands for.'),
    }),
    z.strictObject({ type: z.literal(['integer', 'number']), ...common, ...numeric() }),
    z.strictObject({ type: z.literal('boolean'), ...common }),
    z.strictObject({
      type: z.literal('array'),
      ...common,
      items: property,
      minItems: length.optional(),
      maxItems: length.optional(),
      uniqueItems: z.boolean().optional(),
    }),
    z.strictObject({ type: z.literal('object'), ...common, properties: z.record(z.string(), property) }),
  ],
  { error: 'expected a `type`: string, integer, number, boolean, array or object' },
);

export interface InputProperty {
  readonly type: string;
  readonly optional?: boolean | undefined;
  readonly description?: string | undefined;
  readonly accepts?: readonly string[] | undefined;
  readonly items?: InputProperty;
  readonly properties?: Readonly<Record<string, InputProperty>>;
}

function numeric() {
  return {
    enum: z.array(z.number()).min(1).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    exclusiveMinimum: z.number().optional(),
    exclusiveMaximum: z.number().optional(),
    multipleOf: z.number().positive().optional(),
    examples: z.array(z.number()).optional(),
  };
}

function isPattern(text: string): boolean {
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    return false;
  }
}

type InputProperties = Readonly<Record<string, InputProperty>>;

/** The same schema for values alone: what must hold once tokens have been turned back. The very same one where none is accepted. */
export function withoutTokens(schema: JsonSchema): JsonSchema {
  return plain(schema) as JsonSchema;
}

function plain(part: Json): Json {
  if (Array.isArray(part)) {
    const written = part as readonly Json[];
    const items = written.map(plain);
    return items.every((item, index) => item === written[index]) ? written : items;
  }
  if (!isJsonObject(part)) return part;
  const { anyOf, [ACCEPTS_TOKENS]: accepted, ...rest } = part;
  if (accepted !== undefined && Array.isArray(anyOf)) return { ...rest, ...(anyOf[0] as JsonSchema) };
  const members = Object.entries(part).map(([key, value]) => [key, plain(value)] as const);
  return members.every(([key, value]) => value === part[key]) ? part : Object.fromEntries(members);
}

/** The schema of one object: every property required unless it says otherwise, and no others. */
export function objectSchema(properties: InputProperties): JsonSchema {
  const required = Object.keys(properties).filter((name) => properties[name]?.optional !== true);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, propertySchema(part)])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function propertySchema({ optional: _, accepts, items, properties, ...rest }: InputProperty): JsonSchema {
  if (accepts !== undefined) return valueOrToken(rest, accepts);
  return {
    ...(rest as JsonObject),
    ...(items === undefined ? {} : { items: propertySchema(items) }),
    ...(properties === undefined ? {} : objectSchema(properties)),
  };
}

/** What the value must fit holds for values alone, so that a token need not look like an address. */
function valueOrToken({ type, description, ...value }: InputProperty, classes: readonly string[]): JsonSchema {
  const said = `May be a token (${classes.map((one) => `tok_${one}_…`).join(', ')}) from an earlier answer: pass it on as it is.`;
  return {
    type,
    description: description === undefined ? said : `${description} ${said}`,
    anyOf: [value as JsonObject, { pattern: tokenPattern(classes) }],
    [ACCEPTS_TOKENS]: classes,
  };
}
