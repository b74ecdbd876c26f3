// What a person is called, from verified claims. Pure.
import type { JsonObject } from '../core/json.ts';

/** OpenID Connect Core, section 5.1: `name`, else `email`; undefined where there is neither. */
export function nameOf(claims: JsonObject): string | undefined {
  const named = [claims['name'], claims['email']];
  return named.find((text): text is string => typeof text === 'string' && text.trim() !== '');
}
