import { createPrivateKey } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CredentialProvider, LeaseRequest } from '../../../src/core/credential.ts';
import { InboundToken } from '../../../src/core/inbound-token.ts';
import type { Report } from '../../../src/core/problem.ts';
import type { Secret } from '../../../src/core/secret.ts';
import { oauthClientCredentials } from '../../../src/credential/oauth-client-credentials.ts';
import { oauthTokenExchange } from '../../../src/credential/oauth-token-exchange.ts';
import { JWT, OPAQUE, startOAuthIssuer, type OAuthIssuer } from '../../support/oauth-issuer.ts';
import { freePort } from '../../../src/demo/free-port.ts';

let issuer: OAuthIssuer;
beforeAll(async () => {
  issuer = await startOAuthIssuer();
});
afterAll(() => issuer[Symbol.asyncDispose]());

const plan = (inbound?: InboundToken): LeaseRequest => ({
  id: 'lease',
  backend: 'orders',
  expiresAt: Date.now() + 60_000,
  inbound,
  named: () => Promise.resolve(),
});
const signal = AbortSignal.timeout(60_000);
const [byClient, byExchange] = [oauthClientCredentials(), oauthTokenExchange()];

function issue<Options>(provider: CredentialProvider<Options>, written: object, inbound?: InboundToken) {
  return provider.issue(provider.options.parse(written), plan(inbound), 'lease', signal);
}

const tokenOf = ({ fields }: Awaited<ReturnType<typeof issue>>): string => (fields['token'] as Secret).reveal();

/** What `check --connect` says. */
async function examined<Options>(provider: CredentialProvider<Options>, written: object): Promise<string[]> {
  const said: string[] = [];
  const note = (_: unknown, message: string): void => void said.push(message);
  const report: Report = { error: note, warning: note };
  await provider.examine(provider.options.parse(written), report, signal);
  return said;
}

const basic = () => ({ issuer: issuer.issuer, clientId: 'basic', clientSecret: issuer.secret });

describe('a token by client credentials', () => {
  test.each([
    ['client_secret_basic', () => basic()],
    ['client_secret_post', () => ({ ...basic(), clientId: 'poster', clientAuthentication: 'client_secret_post' })],
    ['a key as PEM', () => ({ issuer: issuer.issuer, clientId: 'keyed', privateKey: issuer.privateKey })],
    ['a key as JWK', () => ({ issuer: issuer.issuer, clientId: 'keyed', privateKey: jwk() })],
  ])('is had with %s, ends with the lease, and tells nobody itself', async (_, options) => {
    const made = await issue(byClient, { ...options(), resource: OPAQUE, scopes: ['orders:read'] });
    const token = tokenOf(made);
    expect(await issuer.isAlive(token)).toBe(true);
    expect(issuer.requests.at(-1)).toMatchObject({ scope: 'orders:read', resource: OPAQUE });
    expect(made.endsAt! - Date.now()).toBeGreaterThan(290_000);
    expect(made.endsAt! - Date.now()).toBeLessThan(301_000);
    expect(inspect(made, { depth: 9, showHidden: true }) + JSON.stringify(made)).not.toContain(token);
    expect(await made.revoke?.()).toBe(true);
    expect(await issuer.isAlive(token)).toBe(false);
  });

  test('that its issuer cannot revoke is said to remain', async () => {
    const made = await issue(byClient, { ...basic(), resource: JWT });
    expect(decodeJwt(tokenOf(made))).toMatchObject({ aud: JWT });
    expect(await made.revoke?.()).toBe(false);
  });

  test.each([
    ['a wrong secret', { clientSecret: 'wrong-secret' }, /invalid_client.*does the issuer know clientId/],
    ['a client without the grant', { clientId: 'narrow' }, /requested grant type is not allowed for this client/],
    ['no issuer there', { issuer: 'http://127.0.0.1:CLOSED' }, /nothing listens at that address/],
    ['an issuer that is another', { issuer: 'http://localhost:PORT' }, /issuer/],
  ])('is refused for %s, in words for the operator', async (_, more, words) => {
    const written = { ...basic(), ...more };
    const closed = String(await freePort());
    written.issuer = written.issuer.replace('PORT', new URL(issuer.issuer).port).replace('CLOSED', closed);
    const refused = await issue(byClient, written).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'credential_unavailable', detail: expect.stringMatching(words) as string });
    expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain(written.clientSecret);
    expect(await examined(byClient, written)).toEqual([expect.stringMatching(words)]);
  });

  test('is had and revoked again by check --connect', async () => {
    expect(await examined(byClient, { ...basic(), resource: OPAQUE })).toEqual([]);
    const { token } = issuer.requests.at(-1) as { token: string };
    expect(await issuer.isAlive(token)).toBe(false);
  });

  test.each([
    [{ clientId: 'basic' }, /clientSecret.*or `privateKey`/],
    [{ clientId: 'basic', clientSecret: 's', privateKey: 'k' }, /private key: PEM or JWK/],
    [
      { clientId: 'basic', clientSecret: 's', clientAuthentication: 'private_key_jwt' },
      /clientSecret.*or `privateKey`/,
    ],
    [{ clientId: 'basic', clientSecret: 's', issuer: 'http://issuer.example' }, /expected https/],
  ])('is not even asked for with options that cannot hold: %j', (written, words) => {
    const { error } = byClient.options.safeParse({ issuer: 'https://issuer.example', ...written });
    expect(error?.issues.map(({ message }) => message).join()).toMatch(words);
  });
});

describe('a token by exchange', () => {
  const options = () => ({ ...basic(), resource: JWT, scopes: ['orders:read'] });

  test('has the person as its subject, keeps the agent as an actor, and is for the backend alone', async () => {
    const made = await issue(byExchange, options(), await issuer.inbound('ada', 'robot'));
    expect(decodeJwt(tokenOf(made))).toMatchObject({
      sub: 'ada',
      aud: JWT,
      scope: 'orders:read',
      act: { sub: 'basic', act: { sub: 'robot' } },
    });
  });

  test('ends with the lease, where its issuer can revoke it', async () => {
    const made = await issue(byExchange, { ...options(), resource: OPAQUE }, await issuer.inbound('ada'));
    expect(await issuer.isAlive(tokenOf(made))).toBe(true);
    expect(await made.revoke?.()).toBe(true);
    expect(await issuer.isAlive(tokenOf(made))).toBe(false);
  });

  test('is not asked of another issuer than the one that signed the caller’s token', async () => {
    const before = issuer.requests.length;
    const stranger = InboundToken.received('a.b.c', 'https://other.example');
    await expect(issue(byExchange, options(), stranger)).rejects.toMatchObject({
      code: 'credential_unavailable',
      detail: expect.stringContaining('is of https://other.example, and is sent to no other issuer') as string,
    });
    await expect(issue(byExchange, options())).rejects.toMatchObject({ code: 'credential_unavailable' });
    expect(issuer.requests).toHaveLength(before);
  });

  test('is refused for a token of the caller’s that does not hold, without a word of it', async () => {
    const stale = InboundToken.received('eyJhbGciOiJSUzI1NiJ9.e30.c2ln', issuer.issuer);
    const refused = await issue(byExchange, options(), stale).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({
      detail: expect.stringMatching(/invalid_grant.*may this client exchange it/) as string,
    });
    expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain('eyJ');
  });

  test('is refused for a scope that is not there', async () => {
    const wide = { ...options(), scopes: ['everything'] };
    await expect(issue(byExchange, wide, await issuer.inbound('ada'))).rejects.toMatchObject({
      detail: expect.stringMatching(/invalid_scope.*allow the client these scopes/) as string,
    });
  });

  test('needs a backend that it is for', () => {
    expect(byExchange.options.safeParse(basic()).error?.issues[0]?.message).toMatch(
      /expected `audience` or `resource`/,
    );
  });

  test('is examined without a person', async () => {
    expect(await examined(byExchange, options())).toEqual([]);
    expect(await examined(byExchange, { ...options(), clientSecret: 'wrong' })).toEqual([
      expect.stringMatching(/invalid_client/),
    ]);
  });
});

describe('an issuer that lies', () => {
  let answer: (subject: string) => { status?: number; body: object };
  let address: string;
  let revoked: string[];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { status = 200, body } = serve(request.url ?? '', new URLSearchParams(text));
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  beforeEach(() => {
    revoked = [];
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  function serve(path: string, sent: URLSearchParams): { status?: number; body: object } {
    if (path.startsWith('/.well-known/')) {
      const endpoints = { token_endpoint: `${address}/token`, revocation_endpoint: `${address}/revoke` };
      return { body: { issuer: address, ...endpoints } };
    }
    if (path === '/token') return answer(sent.get('subject_token') ?? '');
    revoked.push(sent.get('token') ?? '');
    return { body: {} };
  }

  const given = (more: object = {}) => ({
    body: { access_token: 'abc', token_type: 'Bearer', expires_in: 60, ...more },
  });
  const subject = (compact: string) => InboundToken.received(compact, address);
  const lying = () => ({
    issuer: address,
    clientId: 'c',
    clientSecret: 'shared-secret',
    audience: 'orders',
    scopes: ['read'],
  });
  const claims = (aud: unknown) => `e30.${Buffer.from(JSON.stringify({ aud })).toString('base64url')}.c2ln`;

  test.each([
    ['another type', given({ token_type: 'DPoP' }), /of type dpop, not bearer/i],
    ['more scopes', given({ scope: 'read write' }), /more than the scopes that were asked for: write/],
    ['no token', { body: { token_type: 'Bearer' } }, /access_token/],
  ])('and gives %s gets no call made', async (_, given, words) => {
    answer = () => given;
    await expect(issue(byClient, lying())).rejects.toMatchObject({ detail: expect.stringMatching(words) as string });
  });

  test('and gives the caller’s own token back', async () => {
    answer = (token) => given({ access_token: token });
    await expect(issue(byExchange, lying(), subject(claims('broker')))).rejects.toMatchObject({
      detail: expect.stringContaining("the caller's own token back") as string,
    });
  });

  test('and gives a token that opens the broker, too', async () => {
    const wide = claims(['orders', 'broker']);
    answer = () => given({ access_token: wide });
    await expect(issue(byExchange, lying(), subject(claims(['broker'])))).rejects.toMatchObject({
      detail: expect.stringContaining('is still good at broker') as string,
    });
    expect(revoked).toEqual([wide]);
  });

  test('and quotes what it was sent puts nothing of it into the log', async () => {
    answer = (token) => ({
      status: 400,
      body: { error: 'invalid_grant', error_description: `bad ${token} of shared-secret\u001b[2J` },
    });
    const refused = await issue(byExchange, lying(), subject('very.secret.token')).catch(
      (error: unknown) => error as Error,
    );
    expect(inspect(refused, { depth: 9 })).not.toContain('very.secret.token');
    expect((refused as Error).message).toContain('bad [redacted] of [redacted]');
    expect((refused as Error).message).not.toContain('\u001b');
  });
});

function jwk(): string {
  return JSON.stringify({ ...createPrivateKey(issuer.privateKey).export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' });
}
