// The caller's token on its way through the whole broker: exchanged at its issuer, and seen nowhere else.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { serveHttp, type HttpServer } from '../support/http-backend.ts';
import { legacyCall, MCP_HEADERS, modernCall, send } from '../support/raw-http.ts';

let broker: TestBroker;
let orders: HttpServer;
let resource: string;
let token: string;

beforeAll(async () => {
  broker = await startTestBroker();
  const { provider } = broker;
  const keys = createRemoteJWKSet(new URL('/jwks', provider.issuer));
  orders = await serveHttp(({ headers }, response) => {
    const sent = (headers.authorization ?? '').replace('Bearer ', '');
    jwtVerify(sent, keys, { issuer: provider.issuer, audience: resource, typ: 'at+jwt' }).then(
      ({ payload: { sub, act } }) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ sub, act })),
      () => response.writeHead(401).end(),
    );
  });
  resource = `${orders.origin}/api`;
  provider.registerBroker(orders.origin);
  const { clientSecret } = provider.registerAgent({ clientId: 'sallyport-exchange', groups: [] });
  writeFileSync(join(broker.policiesDirectory, '.exchange-secret'), clientSecret);
  writeFileSync(
    join(broker.policiesDirectory, 'orders.yaml'),
    `version: 1
backends:
  orders:
    kind: http
    url: ${orders.origin}
    privateAddresses: ["127.0.0.1"]
    credential:
      kind: oauth-token-exchange
      issuer: ${provider.issuer}
      clientId: sallyport-exchange
      clientSecret: \${file:.exchange-secret}
      resource: ${resource}
tools:
  who_am_i: { backend: orders, method: GET, path: /who, readOnly: true }
rules:
  - { id: who, effect: allow, principals: { groups: [support] }, tools: [who_am_i] }
`,
  );
  await broker.open.reloadPolicies();
  token = await provider.accessToken({ subject: 'ada@shop.example', audience: broker.url });
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  await orders[Symbol.asyncDispose]();
});

const authorized = (headers = {}) => ({ ...MCP_HEADERS, ...headers, authorization: `Bearer ${token}` });

/** The structured content of an answer, whatever era it came in. */
async function call(era: 'legacy' | 'modern', session: string): Promise<unknown> {
  const meta = { 'sallyport/session': session };
  const sent =
    era === 'legacy'
      ? { headers: authorized(), body: legacyCall(1, 'who_am_i', {}, meta) }
      : { ...modernCall(1, 'who_am_i', {}, meta), headers: authorized(modernCall(1, 'who_am_i').headers) };
  const { json } = await send(new URL(broker.url), sent);
  return (json as { result?: { structuredContent?: unknown } }).result?.structuredContent;
}

const bytesOf = (directory: string): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join();

test('each era’s calls reach the backend as the person, through the agent, through the broker, with a token for it alone', async () => {
  for (const era of ['legacy', 'modern'] as const) {
    expect(await call(era, era)).toEqual({
      sub: 'ada@shop.example',
      act: { sub: 'sallyport-exchange', act: { sub: 'support-agent' } },
    });
  }
  const sent = orders.received.map(({ headers }) => headers.authorization!.replace('Bearer ', ''));
  expect(sent.map((one) => decodeJwt(one).aud)).toEqual([resource, resource]);

  // Nothing that was written, said or sent to the backend holds the caller's token, or the one it was exchanged for.
  const signature = (compact: string): string => compact.split('.')[2]!;
  const everywhere = bytesOf(broker.dataDirectory) + broker.logLines.join();
  expect(everywhere).toContain('lease.issued');
  for (const compact of [token, ...sent]) expect(everywhere).not.toContain(signature(compact));
  expect(JSON.stringify(orders.received)).not.toContain(signature(token));
});

test('`log show` names the lease of a call, and its provider, whichever call had it made', async () => {
  await call('modern', 'shown');
  await call('modern', 'shown');
  const cli = async (...args: string[]): Promise<string> => {
    const main = resolve(import.meta.dirname, '../../src/main.ts');
    const where = ['--data', broker.dataDirectory];
    const env = { ...process.env, NO_COLOR: '1' };
    return (await promisify(execFile)(process.execPath, [main, 'log', ...args, ...where], { env })).stdout;
  };
  const rows = (await cli('list', '--type', 'outcome', '--limit', '2', '--json')).trim().split('\n');
  const outcomes = rows.map((row) => JSON.parse(row) as { invocation: string; lease: string });
  expect(new Set(outcomes.map(({ lease }) => lease)).size).toBe(1);
  for (const { invocation, lease } of outcomes) {
    expect(await cli('show', invocation)).toMatch(new RegExp(`lease +${lease} +by oauth-token-exchange`));
  }
});

test('a caller whose token cannot be exchanged is told so in general, and the operator exactly', async () => {
  writeFileSync(join(broker.policiesDirectory, '.exchange-secret'), 'wrong');
  await broker.open.reloadPolicies();
  const { json } = await send(new URL(broker.url), {
    headers: authorized(),
    body: legacyCall(1, 'who_am_i', {}, { 'sallyport/session': 'refused' }),
  });
  expect(json).toMatchObject({
    result: { isError: true, content: [{ text: expect.stringContaining('could not obtain a credential') as string }] },
  });
  expect(JSON.stringify(json)).not.toContain('invalid_client');
  expect(broker.logLines.join()).toMatch(/invalid_client.*does the issuer know clientId/);
});
