// Turns tokens among the arguments back into values, for the backend alone: whatever is logged, approved or shown keeps the token.
import { bounded } from './core/deadline.ts';
import { refuse, StoreError, type Refusal } from './core/errors.ts';
import type { Invocation } from './core/invocation.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from './core/json.ts';
import type { Tool } from './core/tool.ts';
import { TokenError, type TokenVault } from './core/token-vault.ts';
import { acceptedClasses, classOfToken } from './core/value-token.ts';

/** Never rejects. Asks the vault only where an argument that may be a token is one. */
export async function resolveArguments(
  vault: TokenVault,
  tool: Tool,
  { arguments: args, principal }: Invocation,
): Promise<{ readonly resolved: JsonObject } | { readonly refusal: Refusal }> {
  if (tool.validateResolved === undefined) return { resolved: args };
  const tokens = new Set<string>();
  try {
    replaced(args, tool.inputSchema, (token) => {
      tokens.add(token);
      return token;
    });
    if (tokens.size === 0) return { resolved: args };
    const values = await bounded(vault.resolve(principal.key, [...tokens]));
    const resolved = replaced(args, tool.inputSchema, (token) => {
      const value = values.get(token);
      if (value === undefined) throw new TokenError('unknown_value_token');
      return value;
    }) as JsonObject;
    const misfits = tool.validateResolved(resolved);
    return misfits.length === 0
      ? { resolved }
      : { refusal: refuse('unfit_value_token', { detail: misfits.join('; ') }) };
  } catch (error) {
    if (error instanceof TokenError) return { refusal: refuse(error.code) };
    const detail = error instanceof StoreError ? error.detail : 'the tokens could not be turned back';
    return { refusal: refuse('log_unavailable', { detail }) };
  }
}

/** The value with each token replaced where the schema accepts tokens. Throws TokenError for one of another class. */
function replaced(value: Json, schema: JsonSchema | undefined, by: (token: string) => string): Json {
  if (typeof value === 'string') {
    const accepted = acceptedClasses(schema);
    const tokenClass = accepted.length === 0 ? undefined : classOfToken(value);
    if (tokenClass === undefined) return value;
    if (!accepted.includes(tokenClass)) throw new TokenError('unfit_value_token');
    return by(value);
  }
  if (Array.isArray(value)) {
    const items = part(schema, 'items');
    return (value as readonly Json[]).map((item) => replaced(item, items, by));
  }
  if (!isJsonObject(value)) return value;
  const properties = part(schema, 'properties');
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, replaced(member, part(properties, name), by)]),
  );
}

function part(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const found = schema !== undefined && Object.hasOwn(schema, name) ? schema[name] : undefined;
  return isJsonObject(found) ? found : undefined;
}
