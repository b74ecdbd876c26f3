// JSON as CEL sees it, by its schema: what is declared `integer` is an int, any other number a double. Pure.
import { celError, type CelInput } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { isJsonObject, type Json, type JsonSchema } from '../core/json.ts';
import type { DecisionRequest } from '../core/policy.ts';
import { acceptedClasses, classOfToken, tokenArguments } from '../core/value-token.ts';

/** What a condition may name. Each is made when an expression first asks for it. */
export type Bindings = Readonly<Record<(typeof VARIABLES)[number], CelInput>>;

export const VARIABLES = ['args', 'tokens', 'principal', 'tool', 'session', 'now'] as const;

/** Keys of `principal`, `tool` and `session`; `claims` is as the token has it. */
export const FIELDS: Readonly<Record<string, readonly string[]>> = {
  principal: ['issuer', 'subject', 'actor', 'groups', 'scopes', 'claims'],
  tool: ['name', 'backend', 'readOnly', 'destructive', 'idempotent'],
  session: ['id'],
};

export function bindings({ arguments: args, principal, tool, session, now }: DecisionRequest): Bindings {
  // A hundred rules ask for the same arguments.
  const made: { -readonly [Name in keyof Bindings]?: CelInput } = {};
  return {
    get args() {
      return (made.args ??= toCel(args, tool.inputSchema));
    },
    get tokens() {
      return (made.tokens ??= new Map(
        [...tokenArguments(tool.inputSchema).keys()].map((name) => [name, classOfToken(args[name]) ?? ''] as const),
      ));
    },
    get principal() {
      const { issuer, subject, actor, groups, scopes, claims } = principal;
      return (made.principal ??= toCel({ issuer, subject, actor, groups, scopes, claims }, undefined));
    },
    get tool() {
      return (made.tool ??= new Map<string, CelInput>(
        Object.entries({ name: tool.name, backend: tool.backend.name, ...tool.annotations }),
      ));
    },
    get session() {
      return (made.session ??= new Map([['id', session]]));
    },
    get now() {
      return (made.now ??= timestampFromMs(now));
    },
  };
}

/**
 * Stands where a token does that the backend gets the value of: no rule may be passed by writing a value as its token, so
 * whatever looks at it, has() included, cannot be evaluated. To the library it is an error in a place where none may be.
 */
const VALUE_BEHIND_TOKEN = celError('a token, whose value no rule sees') as unknown as CelInput;

/** Maps, not objects: an argument may be called `constructor`. */
function toCel(value: Json, schema: JsonSchema | undefined): CelInput {
  if (typeof value === 'string' && classOfToken(value) !== undefined && acceptedClasses(schema).length > 0) {
    return VALUE_BEHIND_TOKEN;
  }
  if (typeof value === 'number') return isInteger(schema) && Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => toCel(item, itemsOf(schema)));
  if (!isJsonObject(value)) return value;
  return new Map(Object.entries(value).map(([key, part]) => [key, toCel(part, propertyOf(schema, key))]));
}

function isInteger(schema: JsonSchema | undefined): boolean {
  const type = schema?.['type'];
  return type === 'integer' || (Array.isArray(type) && type.includes('integer') && !type.includes('number'));
}

export function itemsOf(schema: JsonSchema | undefined): JsonSchema | undefined {
  const items = schema?.['items'];
  return isJsonObject(items) ? items : undefined;
}

export function propertyOf(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const properties = schema?.['properties'];
  const property = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isJsonObject(property) ? property : undefined;
}
