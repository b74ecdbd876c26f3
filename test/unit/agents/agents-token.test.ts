import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientCredentialsToken } from '../../../src/agents-token.ts';
import type { ClientCredentials } from '../../../src/agents-token.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { startIdentityProvider } from '../../../src/demo/identity-provider.ts';
import type { IdentityProvider } from '../../../src/demo/identity-provider.ts';

const BROKER = 'http://127.0.0.1:8931';
let provider: IdentityProvider;
let credentials: ClientCredentials;

beforeAll(async () => {
  provider = await startIdentityProvider({ tokenTtlSeconds: 300, brokers: [BROKER] });
  const { clientId, clientSecret } = provider.registerAgent({ clientId: 'token-test', groups: ['support'] });
  credentials = {
    server: { issuer: new URL(provider.issuer) },
    clientId,
    clientSecret,
    clientAuthentication: 'client_secret_basic',
    parameters: { resource: `${BROKER}/mcp` },
  };
});
afterAll(() => provider[Symbol.asyncDispose]());

class TestClock implements Clock {
  time = Date.now();
  now(): number {
    return this.time;
  }
  monotonic(): number {
    return this.time;
  }
}

describe('a token by client credentials', () => {
  test('is for the broker, and for nobody else', async () => {
    const claims = decodeJwt(await clientCredentialsToken(credentials, new TestClock()).token());
    expect(claims).toMatchObject({ iss: provider.issuer, aud: `${BROKER}/mcp`, client_id: 'token-test' });
  });

  test('is shared by calls until it nears its end, and then replaced before it expires', async () => {
    const clock = new TestClock();
    const source = clientCredentialsToken(credentials, clock);
    const first = await source.token();
    clock.time += 239_000;
    expect(await source.token()).toBe(first);
    clock.time += 2_000;
    expect(await source.token()).not.toBe(first);
  });

  test('is requested once for calls that need it at the same time', async () => {
    const source = clientCredentialsToken(credentials, new TestClock());
    expect(new Set(await Promise.all([source.token(), source.token(), source.token()])).size).toBe(1);
  });

  test('is replaced when the broker has refused it', async () => {
    const source = clientCredentialsToken(credentials, new TestClock());
    const refused = await source.token();
    await source.onUnauthorized();
    expect(await source.token()).not.toBe(refused);
  });

  test('can be had from the token endpoint directly, with the secret in the body', async () => {
    const agent = provider.registerAgent({ clientId: 'post-test', groups: [] });
    const source = clientCredentialsToken(
      { ...credentials, ...agent, server: { tokenUrl: new URL(`${provider.issuer}/token`) } },
      new TestClock(),
    );
    expect(decodeJwt(await source.token())).toMatchObject({ client_id: 'post-test' });
  });
});

describe('when there is no token to be had', () => {
  test('the error names the server and its reason, and not the secret', async () => {
    const wrong = { ...credentials, clientSecret: 'not-the-secret' };
    const failed = clientCredentialsToken(wrong, new TestClock()).token();
    await expect(failed).rejects.toThrow(`no access token from ${provider.issuer}/: invalid_client`);
    await expect(failed).rejects.not.toThrow('not-the-secret');
  });

  test('because the provider cannot be reached, the next call tries again', async () => {
    const gone = await startIdentityProvider();
    await gone[Symbol.asyncDispose]();
    const asked = { ...credentials, server: { issuer: new URL(gone.issuer) } };
    const source = clientCredentialsToken(asked, new TestClock());
    await expect(source.token()).rejects.toThrow(/no access token from .*ECONNREFUSED/);

    await using back = await startIdentityProvider({ port: Number(new URL(gone.issuer).port), brokers: [BROKER] });
    asked.clientSecret = back.registerAgent({ clientId: asked.clientId, groups: [] }).clientSecret;
    expect(decodeJwt(await source.token())).toMatchObject({ iss: back.issuer });
  });
});
