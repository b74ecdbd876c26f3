// Tokens that do not hold, over HTTP against the whole broker: each gets 401, and reaches no door.
import { createPublicKey, createSecretKey, type JsonWebKey } from 'node:crypto';
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { forge, goodClaims } from '../support/identity-provider.ts';

let broker: TestBroker;
let claims: JWTPayload;
beforeAll(async () => {
  broker = await startTestBroker();
  claims = { ...goodClaims(broker.provider), aud: broker.url };
});
afterAll(() => broker[Symbol.asyncDispose]());

function call(authorization?: string): Promise<Response> {
  return fetch(broker.url, {
    method: 'POST',
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'find_customer', arguments: { email: 'ada@example.com' } },
    }),
  });
}

const now = (): number => Math.floor(Date.now() / 1000);

const TOKENS: readonly (readonly [string, () => Promise<string> | string])[] = [
  ['a wrong audience', () => forge(broker.provider, { ...claims, aud: 'https://another.example/mcp' })],
  ['a wrong issuer', () => forge(broker.provider, { ...claims, iss: 'https://another.example' })],
  ['an expiry that has passed', () => forge(broker.provider, { ...claims, exp: now() - 600 })],
  ['a time before which it does not hold', () => forge(broker.provider, { ...claims, nbf: now() + 600 })],
  ['alg none', () => new UnsecuredJWT(claims).encode()],
  [
    'HS256 with the public key as the secret',
    () => {
      const [key] = broker.provider.keys;
      const pem = createPublicKey({ key: key as JsonWebKey, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      const header = { alg: 'HS256', typ: 'at+jwt', ...(key?.kid === undefined ? {} : { kid: key.kid }) };
      return new SignJWT(claims).setProtectedHeader(header).sign(createSecretKey(Buffer.from(pem)));
    },
  ],
  ['no signature', async () => (await forge(broker.provider, claims)).replace(/[^.]*$/, '')],
  [
    'a signature of something else',
    async () => {
      const [head] = (await forge(broker.provider, { ...claims, sub: 'somebody-else' })).split('.');
      const [, body, signature] = (await forge(broker.provider, claims)).split('.');
      return [head, body, signature?.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))].join('.');
    },
  ],
];

test('the claims the others are made from hold', async () => {
  const response = await call(`Bearer ${await forge(broker.provider, claims)}`);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('****4242');
});

test.each(TOKENS)('a token with %s gets 401, and reaches no door', async (_what, make) => {
  const before = await entryTypes();
  const response = await call(`Bearer ${await make()}`);
  expect(response.status).toBe(401);
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token".*resource_metadata=/);
  expect(await entryTypes()).toEqual(before);
});

test('no token at all gets 401 with where to find the issuers', async () => {
  const response = await call();
  expect(response.status).toBe(401);
  const challenge = response.headers.get('www-authenticate') ?? '';
  const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '';
  expect(await (await fetch(metadata)).json()).toMatchObject({
    resource: broker.url,
    authorization_servers: [broker.provider.issuer],
  });
});

/** Failures are counted and written once a minute: until then nothing of a call is in the log. */
async function entryTypes(): Promise<readonly string[]> {
  using reader = openSqliteReader(`${broker.dataDirectory}/sallyport.db`);
  const entries = await storeLogSource(reader).entries({}, 1_000);
  return entries.map(({ text }) => (JSON.parse(text) as { type: string }).type);
}
