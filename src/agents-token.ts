// The access token an Agents SDK app calls the broker with: had by client credentials, renewed before it expires.
// Called by src/agents.ts.
import * as oauth from 'openid-client';
import type { Clock } from './core/clock.ts';

/** What the MCP transport asks before every request, and after a 401. */
export interface TokenSource {
  token(): Promise<string>;
  onUnauthorized(): Promise<void>;
}

export interface ClientCredentials {
  /** Where to find the token endpoint: by discovery at the issuer, or directly. */
  readonly server: { readonly issuer: URL } | { readonly tokenUrl: URL };
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clientAuthentication: 'client_secret_basic' | 'client_secret_post';
  /** Further parameters of the token request, such as `resource` (RFC 8707). */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A token is renewed this long before it expires, or when a fifth of its life is left, whichever is later. */
const RENEW_BEFORE_MS = 60_000;
/** Most token endpoints answer within a second; a call must not hang on one that does not. */
const TOKEN_REQUEST_TIMEOUT_S = 15;

/**
 * Tokens by the client credentials grant (RFC 6749, section 4.4). One token is held and shared; calls that need a new
 * one at the same time share one request. A failed request is not remembered: the next call tries again.
 * `token` rejects with an Error that says which server would not give one and why, never with the secret.
 */
export function clientCredentialsToken(credentials: ClientCredentials, clock: Clock): TokenSource {
  let configuration: oauth.Configuration | undefined;
  let held: { readonly value: string; readonly renewAt: number } | undefined;
  let request: Promise<string> | undefined;

  async function requestToken(): Promise<string> {
    try {
      configuration ??= await configure(credentials);
      const response = await oauth.clientCredentialsGrant(configuration, { ...credentials.parameters });
      held = { value: response.access_token, renewAt: renewalTime(clock.now(), response.expires_in) };
      return held.value;
    } catch (error) {
      throw new Error(`no access token from ${serverName(credentials)}: ${reason(error)}`, { cause: error });
    }
  }

  return {
    async token() {
      if (held !== undefined && clock.now() < held.renewAt) return held.value;
      request ??= requestToken().finally(() => {
        request = undefined;
      });
      return await request;
    },
    // The transport then asks for a token once more and repeats the request once: a refused request reached no door.
    onUnauthorized() {
      held = undefined;
      return Promise.resolve();
    },
  };
}

async function configure(credentials: ClientCredentials): Promise<oauth.Configuration> {
  const authentication =
    credentials.clientAuthentication === 'client_secret_post'
      ? oauth.ClientSecretPost(credentials.clientSecret)
      : oauth.ClientSecretBasic(credentials.clientSecret);
  if ('issuer' in credentials.server) {
    return await oauth.discovery(credentials.server.issuer, credentials.clientId, undefined, authentication, {
      timeout: TOKEN_REQUEST_TIMEOUT_S,
      execute: plainHttp(credentials.server.issuer),
    });
  }
  const { tokenUrl } = credentials.server;
  const metadata = { issuer: tokenUrl.origin, token_endpoint: tokenUrl.href };
  const configuration = new oauth.Configuration(metadata, credentials.clientId, undefined, authentication);
  configuration.timeout = TOKEN_REQUEST_TIMEOUT_S;
  for (const permit of plainHttp(tokenUrl)) permit(configuration);
  return configuration;
}

/** An http address has passed the check of the options; an https one must not lead to http by discovery. */
function plainHttp(server: URL): ((configuration: oauth.Configuration) => void)[] {
  return server.protocol === 'http:' ? [oauth.allowInsecureRequests] : [];
}

/** `expires_in` is only recommended (RFC 6749, section 5.1); without it a token serves until it is refused. */
function renewalTime(now: number, expiresInSeconds: number | undefined): number {
  if (expiresInSeconds === undefined) return Number.POSITIVE_INFINITY;
  const lifeMs = expiresInSeconds * 1000;
  return now + lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 5);
}

function serverName(credentials: ClientCredentials): string {
  return 'issuer' in credentials.server ? credentials.server.issuer.href : credentials.server.tokenUrl.href;
}

function reason(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError)
    return [error.error, error.error_description].filter(Boolean).join(': ');
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    const { error: code, error_description: description } = error.cause[0]?.parameters ?? {};
    return [code ?? `status ${String(error.status)}`, description].filter(Boolean).join(': ');
  }
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
