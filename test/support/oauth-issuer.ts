// A real OpenID provider (oidc-provider) for tests of credentials: clients that sign in by each method, token exchange, and
// two backends, one with opaque tokens (which can be revoked), one with JWTs (which cannot).
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { Provider, type ResourceServer } from 'oidc-provider';
import { InboundToken } from '../../src/core/inbound-token.ts';
import { registerTokenExchange, TOKEN_EXCHANGE } from '../../src/demo/token-exchange.ts';

const BROKER_RESOURCE = 'https://broker.example/mcp';
export const OPAQUE = 'https://orders.example/opaque';
export const JWT = 'https://orders.example/jwt';

export interface OAuthIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly secret: string;
  /** Of the client `keyed`, as PEM. */
  readonly privateKey: string;
  /** The parameters of every request it has taken. */
  readonly requests: readonly Readonly<Record<string, unknown>>[];
  /** Whether it still stands by an opaque token. */
  isAlive(token: string): Promise<boolean>;
  /** The token of a call: of a person, through an agent. */
  inbound(subject: string, actor?: string): Promise<InboundToken>;
}

export async function startOAuthIssuer(tokenTtlSeconds = 300): Promise<OAuthIssuer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const secret = `${randomBytes(12).toString('base64url')}+%/`;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pair = await generateKeyPair('RS256', { extractable: true });
  const key = { ...(await exportJWK(pair.privateKey)), kid: randomUUID(), alg: 'RS256', use: 'sig' };
  const client = { grant_types: ['client_credentials', TOKEN_EXCHANGE], response_types: [], redirect_uris: [] };
  const resources = new Set([BROKER_RESOURCE, OPAQUE, JWT]);
  const describe = (resource: string): ResourceServer => ({
    scope: 'orders:read orders:write',
    accessTokenFormat: resource === OPAQUE ? 'opaque' : 'jwt',
    accessTokenTTL: tokenTtlSeconds,
    audience: resource,
    jwt: { sign: { alg: 'RS256' } },
  });
  const actors = new WeakMap();
  const provider = new Provider(issuer, {
    jwks: { keys: [key] },
    cookies: { keys: ['unused'] },
    clients: [
      { ...client, client_id: 'basic', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
      { ...client, client_id: 'poster', client_secret: secret, token_endpoint_auth_method: 'client_secret_post' },
      {
        ...client,
        client_id: 'keyed',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' }] },
      },
      { ...client, client_id: 'narrow', client_secret: secret, grant_types: ['refresh_token'] },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => describe(resource),
        defaultResource: () => OPAQUE,
        useGrantedResource: () => true,
      },
    },
    extraTokenClaims: (_ctx, token) => {
      const act: unknown = actors.get(token);
      return act === undefined ? {} : { act };
    },
  });
  registerTokenExchange(provider, resources, describe, actors);
  const requests: Readonly<Record<string, unknown>>[] = [];
  provider.use(async (ctx, next) => {
    await next();
    const params = (ctx as { oidc?: { params?: Record<string, unknown> } }).oidc?.params;
    if (params !== undefined) requests.push({ ...params, path: ctx.path });
  });
  const answer = provider.callback();
  server.on('request', (request, response) => void answer(request, response));

  return {
    issuer,
    secret,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    requests,
    async isAlive(token) {
      const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
      return found?.isValid ?? false;
    },
    async inbound(subject, actor = 'support-agent') {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: issuer, aud: BROKER_RESOURCE, sub: subject, client_id: 'people', act: { sub: actor } };
      const compact = await new SignJWT({ ...claims, iat: now, exp: now + 600 })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'at+jwt' })
        .sign(await importJWK(key, 'RS256'));
      return InboundToken.received(compact, issuer);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
