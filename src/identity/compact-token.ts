// Takes a signed JWT out of an Authorization header, to the letter of its compact form, and reads what must be known
// before its signature can be checked. Pure; nothing read here is trusted.
import { isJsonObject } from '../core/json.ts';
import type { JsonObject } from '../core/json.ts';
import type { AuthFailure } from './authenticate.ts';
import { MAX_TOKEN_LENGTH } from './limits.ts';

export interface UnverifiedToken {
  readonly compact: string;
  readonly header: JsonObject;
  readonly issuer: string;
}

// Libraries forgive white space and padding in the signature part (facts of jose 6), so that one token has many spellings.
// The signature may be empty here, so that an unsigned token is refused for what it is.
const BEARER = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)$/i;

/** The token of an Authorization header, as it was sent. */
export function bearerToken(authorization: string | undefined): { readonly compact: string } | AuthFailure {
  if (authorization === undefined || !/^Bearer(?: |$)/i.test(authorization)) return { failure: 'missing' };
  if (authorization.length > MAX_TOKEN_LENGTH) return { failure: 'malformed' };
  const compact = BEARER.exec(authorization)?.[1];
  return compact === undefined ? { failure: 'malformed' } : { compact };
}

export function readToken(compact: string): UnverifiedToken | AuthFailure {
  const parts = compact.split('.');
  if (!parts.every(isCanonical)) return { failure: 'malformed' };
  const [header, claims] = parts.slice(0, 2).map(readObject);
  if (header === undefined || claims === undefined) return { failure: 'malformed' };
  const issuer = claims['iss'];
  return typeof issuer === 'string' ? { compact, header, issuer } : { failure: 'wrong_issuer' };
}

/** Base64url has spare bits at the end of most lengths; only zeros there are the bytes' own spelling. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

function readObject(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
