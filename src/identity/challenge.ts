// What the wire learns about a request without a principal: one of four answers. Pure; called by the HTTP edge.
import type { AuthFailure } from './authenticate.ts';

export interface Challenge {
  readonly status: 401 | 403 | 503;
  /** The `WWW-Authenticate` header (RFC 6750, section 3; RFC 9728, section 5.1); undefined where a token would not help. */
  readonly wwwAuthenticate: string | undefined;
  /** The `Retry-After` header, in seconds. */
  readonly retryAfterS: number | undefined;
  /** The body, as OAuth words it. The same for every reason of its kind, so that nobody learns to forge by asking. */
  readonly body: { readonly error: string; readonly error_description: string };
}

/**
 * @param metadataUrl where the protected resource metadata is (see protected-resource.ts)
 * @param scopes what a token must carry, if anything
 */
export function challenge(failure: AuthFailure, metadataUrl: string, scopes: readonly string[] = []): Challenge {
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  switch (failure.failure) {
    case 'missing':
      // RFC 6750, section 3.1: a request without credentials gets no error code in the challenge.
      return answer(401, 'invalid_token', 'An access token is needed.', bearer({ ...scope, metadataUrl }));
    case 'malformed':
    case 'wrong_issuer':
    case 'bad_algorithm':
    case 'unknown_key':
    case 'bad_signature':
    case 'wrong_audience':
    case 'expired':
    case 'not_yet_valid':
    case 'not_an_access_token':
    case 'invalid_claims':
    case 'not_a_person': {
      const error = 'invalid_token';
      const description = 'The access token is not valid here, or no longer.';
      return answer(401, error, description, bearer({ error, description, ...scope, metadataUrl }));
    }
    case 'insufficient_scope': {
      const error = 'insufficient_scope';
      const description = 'The access token lacks a scope that is needed here.';
      return answer(403, error, description, bearer({ error, description, ...scope, metadataUrl }));
    }
    case 'keys_unavailable':
      return {
        ...answer(503, 'temporarily_unavailable', 'Access tokens cannot be checked at the moment.', undefined),
        retryAfterS: 10,
      };
  }
}

function answer(
  status: Challenge['status'],
  error: string,
  description: string,
  wwwAuthenticate: string | undefined,
): Challenge {
  return { status, wwwAuthenticate, retryAfterS: undefined, body: { error, error_description: description } };
}

function bearer(parts: { error?: string; description?: string; scope?: string; metadataUrl: string }): string {
  const parameters = {
    error: parts.error,
    error_description: parts.description,
    scope: parts.scope,
    resource_metadata: parts.metadataUrl,
  };
  const written = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `Bearer ${written.map(([name, value]) => `${name}="${value ?? ''}"`).join(', ')}`;
}
