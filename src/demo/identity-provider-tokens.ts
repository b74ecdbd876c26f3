// Obtains tokens from the demo's OpenID provider by the protocol, over HTTP, as agents and browsers do.
import * as openid from 'openid-client';
import type { Agent, Person } from './identity-provider.ts';
import { ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE } from './token-exchange.ts';

export interface PersonTokens {
  readonly accessToken: string;
  readonly idToken: string;
  readonly refreshToken: string;
}

/** The agent's own token: client credentials (RFC 6749 §4.4) for one resource (RFC 8707). */
export async function requestAgentToken(issuer: string, agent: Agent, resource: string): Promise<string> {
  const configuration = await discover(issuer, agent.clientId, openid.ClientSecretBasic(agent.clientSecret));
  return (await openid.clientCredentialsGrant(configuration, { resource })).access_token;
}

/** A token in which the agent acts for whom `subjectToken` is about (RFC 8693). */
export async function exchangeToken(
  issuer: string,
  agent: Agent,
  subjectToken: string,
  resource: string,
): Promise<string> {
  const configuration = await discover(issuer, agent.clientId, openid.ClientSecretBasic(agent.clientSecret));
  const answer = await openid.genericGrantRequest(configuration, TOKEN_EXCHANGE, {
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN_TYPE,
    resource,
  });
  return answer.access_token;
}

/** Walks the code flow with PKCE: follows the redirects with cookies, and fills in the sign-in form. */
export async function requestPersonTokens(
  issuer: string,
  clientId: string,
  redirectUri: string,
  person: Person,
  resource: string,
): Promise<PersonTokens> {
  const configuration = await discover(issuer, clientId, openid.None());
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  let url = openid.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid email profile groups',
    resource,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });

  const cookies = new Map<string, string>();
  while (!url.href.startsWith(redirectUri)) {
    const answer = await visit(url, cookies);
    url =
      answer.next ?? (await visit(url, cookies, { email: person.email, password: person.password })).next ?? fail(url);
  }
  const tokens = await openid.authorizationCodeGrant(configuration, url, { pkceCodeVerifier }, { resource });
  if (tokens.id_token === undefined || tokens.refresh_token === undefined) throw new Error('the answer lacks a token');
  return { accessToken: tokens.access_token, idToken: tokens.id_token, refreshToken: tokens.refresh_token };
}

async function discover(
  issuer: string,
  clientId: string,
  authentication: openid.ClientAuth,
): Promise<openid.Configuration> {
  return openid.discovery(new URL(issuer), clientId, undefined, authentication, {
    // The issuer is this process, on loopback.
    execute: [openid.allowInsecureRequests],
  });
}

/** Requests a page, or posts a form to it; `next` is where it redirects to. */
async function visit(
  url: URL,
  cookies: Map<string, string>,
  form?: Record<string, string>,
): Promise<{ next: URL | undefined }> {
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
  });
  await response.body?.cancel();
  for (const cookie of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    if (name !== undefined && value !== undefined) cookies.set(name, value);
  }
  const location = response.headers.get('location');
  return { next: location === null ? undefined : new URL(location, url) };
}

function fail(url: URL): never {
  throw new Error(`signing in ended at ${url.origin}${url.pathname}, without a redirect`);
}
