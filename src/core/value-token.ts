// The form of tokens that stand in for masked values, such as `tok_email_7f3k…`, and how a schema says that one is accepted. Pure.
import { isJsonObject, type Json, type JsonSchema } from './json.ts';

/** A class keeps tokens of one field apart from those of another: equal values of two classes have different tokens. */
export const TOKEN_CLASS = /^[a-z][a-z0-9-]{0,31}$/;
const TOKEN = /^tok_([a-z][a-z0-9-]{0,31})_[a-z2-7]{26}$/;

/** The annotation of an argument's schema that lists the classes of tokens it may be. */
export const ACCEPTS_TOKENS = 'x-accepts-tokens';

/** The class of a token; undefined for anything else. Whether the token was ever given is not asked here. */
export function classOfToken(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? TOKEN.exec(value)?.[1] : undefined;
}

/** The regular expression that tokens of these classes, and nothing else, match. */
export function tokenPattern(classes: readonly string[]): string {
  return `^tok_(${classes.join('|')})_[a-z2-7]{26}$`;
}

/** The classes of tokens that an argument may be, by its schema; none for most. */
export function acceptedClasses(schema: Json | undefined): readonly string[] {
  const classes = isJsonObject(schema) ? schema[ACCEPTS_TOKENS] : undefined;
  return Array.isArray(classes) ? (classes as string[]) : [];
}

/** The arguments that may be tokens, by name, of a tool with this input schema. Only those at the top. */
export function tokenArguments(inputSchema: JsonSchema): ReadonlyMap<string, readonly string[]> {
  const { properties } = inputSchema;
  if (!isJsonObject(properties)) return new Map();
  const accepting = Object.entries(properties).map(([name, schema]) => [name, acceptedClasses(schema)] as const);
  return new Map(accepting.filter(([, classes]) => classes.length > 0));
}
