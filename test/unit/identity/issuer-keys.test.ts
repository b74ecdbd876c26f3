import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { startIdentityProvider } from '../../../src/demo/identity-provider.ts';
import type { IdentityProvider } from '../../../src/demo/identity-provider.ts';
import {
  KEYS_COOL_DOWN_MS,
  KEYS_FRESH_MS,
  KEYS_MAX_AGE_MS,
  KEYS_REFRESH_MS,
  KEYS_TIMEOUT_MS,
} from '../../../src/identity/limits.ts';
import { BROKER, door, forge, goodClaims, trusted } from '../../support/identity-provider.ts';

const bearer = (token: string): string => `Bearer ${token}`;
const start = (more = {}): Promise<IdentityProvider> =>
  startIdentityProvider({ brokers: [BROKER], tokenTtlSeconds: 7200, ...more });

/** Counts what this process asks of a provider's `jwks_uri`, at the HTTP client itself. */
function countKeyFetches(provider: IdentityProvider): { count: number } & Disposable {
  const seen = { count: 0, [Symbol.dispose]: () => void unsubscribe('undici:request:create', onRequest) };
  function onRequest(message: unknown): void {
    const { request } = message as { request: { origin: string; path: string } };
    if (request.origin === provider.issuer && request.path === '/jwks') seen.count += 1;
  }
  subscribe('undici:request:create', onRequest);
  return seen;
}

describe('the keys of an issuer', () => {
  test('are fetched when first needed, and once for many calls', async () => {
    await using provider = await start();
    using fetches = countKeyFetches(provider);
    const identity = door(trusted(provider));
    expect(fetches.count).toBe(0);
    const tokens = await Promise.all([provider.accessToken(), provider.accessToken(), provider.accessToken()]);
    const results = await Promise.all(tokens.map((token) => identity.authenticate(bearer(token))));
    expect(results.every((result) => 'principal' in result)).toBe(true);
    expect(fetches.count).toBe(1);
  });

  test('may be fetched ahead of the first call', async () => {
    await using provider = await start();
    const identity = door(trusted(provider));
    expect(identity.health()).toEqual({ ok: false, detail: `no keys of ${provider.issuer}` });
    await identity.prepare();
    expect(identity.health()).toEqual({ ok: true });
  });

  test('are followed through a rotation without a restart', async () => {
    await using provider = await start();
    const identity = door(trusted(provider));
    const old = await provider.accessToken();
    expect(await identity.authenticate(bearer(old))).toHaveProperty('principal');

    await provider.addKey();
    identity.clock.pass(KEYS_COOL_DOWN_MS);
    expect(await identity.authenticate(bearer(await provider.accessToken()))).toHaveProperty('principal');
    expect(await identity.authenticate(bearer(old))).toHaveProperty('principal');
  });

  test('serve no longer once they are withdrawn, not even for a token that held before', async () => {
    await using provider = await start();
    const identity = door(trusted(provider));
    const old = await provider.accessToken();
    expect(await identity.authenticate(bearer(old))).toHaveProperty('principal');
    await provider.addKey();
    provider.retireKeys();
    expect(await identity.authenticate(bearer(old))).toHaveProperty('principal');
    identity.clock.pass(KEYS_FRESH_MS);
    expect(await identity.authenticate(bearer(old))).toMatchObject({ failure: 'unknown_key' });
  });

  test('cost the provider one fetch for a flood of unknown key ids', async () => {
    await using provider = await start();
    const identity = door(trusted(provider));
    expect(await identity.authenticate(bearer(await provider.accessToken()))).toHaveProperty('principal');
    identity.clock.pass(KEYS_COOL_DOWN_MS);
    using fetches = countKeyFetches(provider);
    const flood = await Promise.all(
      Array.from({ length: 200 }, (_, index) => forge(provider, goodClaims(provider), { kid: `unknown-${index}` })),
    );
    const results = await Promise.all(flood.map((token) => identity.authenticate(bearer(token))));
    expect(new Set(results.map((result) => 'failure' in result && result.failure))).toEqual(new Set(['unknown_key']));
    expect(fetches.count).toBe(1);
    identity.clock.pass(KEYS_COOL_DOWN_MS);
    await identity.authenticate(bearer(flood[0]!));
    expect(fetches.count).toBe(2);
  });

  test('are fetched anew behind the calls when they come of age', async () => {
    await using provider = await start();
    const identity = door(trusted(provider));
    const token = await provider.accessToken();
    await identity.authenticate(bearer(token));
    using fetches = countKeyFetches(provider);
    identity.clock.pass(KEYS_REFRESH_MS);
    expect(await identity.authenticate(bearer(token))).toHaveProperty('principal');
    await expect.poll(() => fetches.count).toBe(1);
  });

  test('that carry no id are all tried', async () => {
    await using provider = await start();
    const identity = door(trusted(provider));
    const withOldKey = await forge(provider, goodClaims(provider), { kid: undefined });
    await provider.addKey();
    expect(await identity.authenticate(bearer(withOldKey))).toHaveProperty('principal');
    await using stranger = await start();
    const withStrangersKey = await forge(stranger, goodClaims(provider), { kid: undefined });
    expect(await identity.authenticate(bearer(withStrangersKey))).toMatchObject({ failure: 'bad_signature' });
  });
});

describe('an issuer that cannot be reached', () => {
  test('at the start fails no start: calls are told to come again, and pass once it is there', async () => {
    const gone = await start();
    await gone[Symbol.asyncDispose]();
    const identity = door(trusted(gone));
    await identity.prepare();
    const early = await forge(gone, goodClaims(gone));
    expect(await identity.authenticate(bearer(early))).toMatchObject({
      failure: 'keys_unavailable',
      detail: gone.issuer,
    });
    expect(identity.logger.said).toMatchObject([
      { level: 'warn', fields: { issuer: gone.issuer, reason: expect.stringContaining('ECONNREFUSED') } },
    ]);

    await using back = await start({ port: Number(new URL(gone.issuer).port) });
    identity.clock.pass(KEYS_COOL_DOWN_MS);
    expect(await identity.authenticate(bearer(await back.accessToken()))).toHaveProperty('principal');
  });

  test('at the start is asked again by health checks alone', async () => {
    const gone = await start();
    await gone[Symbol.asyncDispose]();
    const identity = door(trusted(gone));
    await identity.prepare();
    expect(identity.health().ok).toBe(false);
    await using _back = await start({ port: Number(new URL(gone.issuer).port) });
    identity.clock.pass(KEYS_COOL_DOWN_MS);
    await expect.poll(() => identity.health().ok).toBe(true);
  });

  test('does not take the broker from the people of another', async () => {
    await using there = await start();
    const gone = await start();
    await gone[Symbol.asyncDispose]();
    const identity = door(trusted(gone, { name: 'gone' }), trusted(there, { name: 'there' }));
    await identity.prepare();
    expect(identity.health()).toEqual({ ok: true, detail: `no keys of ${gone.issuer}` });
    expect(await identity.authenticate(bearer(await there.accessToken()))).toHaveProperty('principal');
  });

  test('later is stood in for by its last keys, until they are too old', async () => {
    const provider = await start();
    const identity = door(trusted(provider));
    const token = await provider.accessToken();
    expect(await identity.authenticate(bearer(token))).toHaveProperty('principal');
    const unseen = await provider.accessToken();
    const unknown = await forge(provider, goodClaims(provider), { kid: 'made-since' });
    await provider[Symbol.asyncDispose]();

    identity.clock.pass(KEYS_MAX_AGE_MS - 1);
    expect(await identity.authenticate(bearer(token))).toHaveProperty('principal');
    expect(await identity.authenticate(bearer(unseen))).toHaveProperty('principal');
    expect(identity.health()).toEqual({ ok: true });
    // It may well be good: nobody can say so now.
    expect(await identity.authenticate(bearer(unknown))).toMatchObject({ failure: 'keys_unavailable' });

    identity.clock.pass(1);
    expect(await identity.authenticate(bearer(token))).toMatchObject({ failure: 'keys_unavailable' });
    expect(identity.health()).toMatchObject({ ok: false });
  });
});

describe('an issuer that hangs', () => {
  test('makes nobody wait who could be served by its last keys', async () => {
    const provider = await start();
    const identity = door(trusted(provider));
    const token = bearer(await provider.accessToken());
    await identity.authenticate(token);
    await provider[Symbol.asyncDispose]();
    identity.clock.pass(KEYS_FRESH_MS);
    expect(await identity.authenticate(token)).toHaveProperty('principal');

    const silent = createServer(() => undefined).listen(Number(new URL(provider.issuer).port), '127.0.0.1');
    await once(silent, 'listening');
    identity.clock.pass(KEYS_COOL_DOWN_MS);
    const asked = once(silent, 'request');
    const started = performance.now();
    expect(await identity.authenticate(token)).toHaveProperty('principal');
    expect(performance.now() - started).toBeLessThan(KEYS_TIMEOUT_MS / 2);
    await asked;
    silent.close();
    silent.closeAllConnections();
  });
});

describe('an issuer that cannot be trusted', () => {
  test('by its discovery document naming another gives no keys', async () => {
    await using provider = await start();
    const alias = provider.issuer.replace('127.0.0.1', 'localhost');
    const identity = door(trusted({ issuer: alias }));
    const token = await forge(provider, { ...goodClaims(provider), iss: alias });
    expect(await identity.authenticate(bearer(token))).toMatchObject({ failure: 'keys_unavailable' });
    expect(identity.logger.said).toMatchObject([{ fields: { reason: 'its discovery document names another issuer' } }]);
  });

  test.each([
    ['leads to keys over plain http elsewhere', { jwks_uri: 'http://keys.example/jwks' }, 'must be https'],
    ['names no keys', {}, 'names no jwks_uri'],
    ['leads to no key set', { jwks_uri: '{issuer}/.well-known/openid-configuration' }, 'holds no JSON Web Key Set'],
    ['leads to a redirect', { jwks_uri: '{issuer}/moved' }, 'fetch failed'],
    ['leads nowhere', { jwks_uri: '{issuer}/nowhere' }, 'answered with status 404'],
  ])('since its discovery document %s', async (_what, metadata, reason) => {
    const server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/nowhere' }).end();
      else if (request.url === '/nowhere') response.writeHead(404).end();
      else response.end(JSON.stringify({ issuer, ...metadata }).replaceAll('{issuer}', issuer));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const identity = door(trusted({ issuer }));
    await identity.prepare();
    server.close();
    server.closeAllConnections();
    expect(identity.health().ok).toBe(false);
    expect(identity.logger.said).toMatchObject([{ fields: { reason: expect.stringContaining(reason) } }]);
  });

  test('since it is neither https nor on this machine is refused at once', () => {
    for (const issuer of ['http://issuer.example', 'http://127.0.0.1.evil.example', 'ftp://issuer.example']) {
      expect(() => door(trusted({ issuer }))).toThrow('must be https');
    }
    expect(() => door(trusted({ issuer: 'https://issuer.example' }))).not.toThrow();
  });
});
