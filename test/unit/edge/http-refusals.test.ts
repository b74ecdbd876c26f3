import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { protocolHeaders } from '../../../src/mcp-http.ts';
import { silent, startHttpEdge, type HttpEdge } from '../../support/http-edge.ts';
import { MCP_HEADERS, answerTo, legacyCall, modernCall, open, send, whole } from '../../support/raw-http.ts';
import { ScriptedBroker } from '../../support/scripted-broker.ts';

const broker = new ScriptedBroker({ echo: { run: (call) => ({ structured: call.arguments }) } });
let edge: HttpEdge;

beforeAll(async () => {
  edge = await startHttpEdge(broker);
});
afterAll(() => edge[Symbol.asyncDispose]());
beforeEach(() => {
  broker.calls.length = 0;
});

const words = (message: unknown) => ({ jsonrpc: '2.0', id: null, error: { message } });

describe('a request that is well formed', () => {
  it('reaches the broker in both eras (else the refusals below would prove nothing)', async () => {
    expect((await send(edge.url, { body: legacyCall(1, 'echo', { a: 1 }) })).status).toBe(200);
    expect((await send(edge.url, modernCall(2, 'echo', { a: 2 }))).status).toBe(200);
    expect(broker.calls.map((call) => call.arguments)).toEqual([{ a: 1 }, { a: 2 }]);
  });
});

describe('a body', () => {
  const refused = async (body: string | Buffer, headers: Record<string, string> = {}) => {
    const answer = await send(edge.url, { headers: { ...MCP_HEADERS, ...headers }, body });
    expect(broker.calls).toEqual([]);
    return answer;
  };

  it.each([
    ['a batch', `[${legacyCall(1, 'echo')}]`, /batches/],
    ['an empty batch', '[]', /batches/],
    [
      'a key given twice',
      legacyCall(1, 'echo', { a: 1 }).replace('{"a":1}', '{"a":1,"a":2}'),
      /character 89: a key stands twice/,
    ],
    [
      'an integer that would be rounded',
      legacyCall(1, 'echo').replace('{}', '{"a":9007199254740993}'),
      /would be rounded/,
    ],
    ['a number beyond doubles', legacyCall(1, 'echo').replace('{}', '{"a":1e999}'), /beyond the range/],
    [
      'nesting that is too deep',
      legacyCall(1, 'echo').replace('{}', `${'['.repeat(70)}${']'.repeat(70)}`),
      /more than 64 deep/,
    ],
    ['half a surrogate pair', legacyCall(1, 'echo').replace('{}', '{"a":"\\ud800"}'), /half a surrogate pair/],
    ['something that is not JSON', '{"jsonrpc":', /not valid JSON/],
    ['nothing', '', /not valid JSON/],
  ])('with %s is refused with 400, and says where and why', async (_what, body, reason) => {
    const answer = await refused(body);
    expect(answer).toMatchObject({ status: 400, json: words(expect.stringMatching(reason)) });
  });

  it('that is not UTF-8 is refused', async () => {
    const answer = await refused(Buffer.from(legacyCall(1, 'echo', { a: 'é' }), 'latin1'));
    expect(answer).toMatchObject({ status: 400, json: words('The body is not UTF-8.') });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json-patch+json'])(
    'sent as %s is refused with 415',
    async (type) => {
      expect((await refused(legacyCall(1, 'echo'), { 'content-type': type })).status).toBe(415);
    },
  );

  it('that is compressed is refused with 415: what it grows to is not known', async () => {
    expect((await refused(legacyCall(1, 'echo'), { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it('of more than a mebibyte is refused with 413, by its declared length alone', async () => {
    const sent = open(edge.url, { headers: { ...MCP_HEADERS, 'content-length': '1048577' } });
    const answer = answerTo(sent);
    sent.flushHeaders();
    expect(await answer).toMatchObject({ statusCode: 413, headers: { connection: 'close' } });
    sent.destroy();
  });

  it('of more than a mebibyte is refused with 413 when it declares no length', async () => {
    const sent = open(edge.url);
    const answer = answerTo(sent);
    sent.write(Buffer.alloc(1_048_576, ' '));
    await delay(50);
    sent.write(' ');
    expect((await answer).statusCode).toBe(413);
    sent.destroy();
    expect(broker.calls).toEqual([]);
  });

  it('of exactly a mebibyte is read', async () => {
    const call = legacyCall(1, 'echo', { a: 1 });
    const answer = await send(edge.url, { body: call + ' '.repeat(1_048_576 - call.length) });
    expect(answer.status).toBe(200);
  });
});

describe('a sender', () => {
  it('without a token gets 401, and learns where to ask for one', async () => {
    const { authorization: _, ...headers } = MCP_HEADERS;
    const answer = await send(edge.url, { headers, body: legacyCall(1, 'echo') });
    const metadata = `http://127.0.0.1:${String(edge.port)}/.well-known/oauth-protected-resource/mcp`;
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe(`Bearer resource_metadata="${metadata}"`);
    expect(answer.json).toMatchObject(words(expect.any(String)));
    const document = await send(new URL(metadata), { method: 'GET' });
    expect(document.json).toMatchObject({
      resource: edge.url.href,
      authorization_servers: ['https://issuer.example'],
      bearer_methods_supported: ['header'],
    });
    const short = await send(edge.url, { method: 'GET', path: '/.well-known/oauth-protected-resource' });
    expect(short.json).toEqual(document.json);
  });

  it.each([
    ['Bearer forged', 401, /^Bearer error="invalid_token"/],
    ['Basic YTpi', 401, /^Bearer /],
    ['Bearer of-no-reach', 403, /^Bearer error="insufficient_scope"/],
    ['Bearer nobody-knows', 503, undefined],
  ])('with "%s" gets %i', async (authorization, status, challenge) => {
    const answer = await send(edge.url, { headers: { ...MCP_HEADERS, authorization }, body: legacyCall(1, 'echo') });
    expect(answer.status).toBe(status);
    if (challenge === undefined) expect(answer.headers).toMatchObject({ 'retry-after': '10' });
    else expect(answer.headers['www-authenticate']).toMatch(challenge);
    expect(broker.calls).toEqual([]);
  });

  it('is refused before its body is read', async () => {
    const sent = open(edge.url, {
      headers: { ...MCP_HEADERS, authorization: 'Bearer forged', 'content-length': '1000' },
    });
    const answer = answerTo(sent);
    sent.flushHeaders();
    expect((await answer).statusCode).toBe(401);
    sent.destroy();
  });

  it('finds no token of its own in what the broker is given', async () => {
    await send(edge.url, modernCall(1, 'echo', { a: 1 }));
    await send(edge.url, { body: legacyCall(1, 'echo', { a: 1 }) });
    expect(broker.calls).toHaveLength(2);
    for (const call of broker.calls) expect(JSON.stringify(call)).not.toContain('token-of-ann');
  });
});

describe('what the protocol’s part is given of the headers', () => {
  it('is what the protocol gives a meaning: neither token nor cookie', () => {
    const headers = protocolHeaders({
      ...MCP_HEADERS,
      cookie: 'a=b',
      'proxy-authorization': 'Basic x',
      'mcp-session-id': 's',
      'mcp-name': 'echo',
    });
    expect([...headers.keys()]).toEqual(['accept', 'content-type', 'mcp-name', 'mcp-session-id']);
  });
});

describe('Host and Origin', () => {
  const status = async (headers: Record<string, string>) =>
    (await send(edge.url, { headers: { ...MCP_HEADERS, ...headers }, body: legacyCall(1, 'echo') })).status;

  it.each([
    'evil.example',
    'evil.example:8931',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    '127.0.0.1:1',
    'localhost:1',
  ])('refuse the host %s, as a page that rebinds its name would send it', async (host) => {
    expect(await status({ host })).not.toBe(200);
    expect(broker.calls).toEqual([]);
  });

  it('accept the hosts that are allowed, in either case', async () => {
    for (const host of [`127.0.0.1:${String(edge.port)}`, 'localhost', 'LOCALHOST']) {
      expect(await status({ host })).toBe(200);
    }
  });

  it.each([
    'https://evil.example',
    'null',
    'http://console.example',
    'https://console.example.evil.example',
    'http://127.0.0.1:1',
  ])('refuse the origin %s', async (origin) => {
    expect(await status({ origin })).toBe(403);
    expect(broker.calls).toEqual([]);
  });

  it('accept the broker’s own origin and the allowed ones, and grant no other site anything', async () => {
    expect(await status({ origin: `http://127.0.0.1:${String(edge.port)}` })).toBe(200);
    expect(await status({ origin: 'https://console.example' })).toBe(200);
    const preflight = await send(edge.url, { method: 'OPTIONS', headers: { origin: 'https://console.example' } });
    expect(preflight.status).toBe(405);
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('are looked at before the token', async () => {
    expect(await status({ host: 'evil.example', authorization: 'Bearer forged' })).toBe(403);
  });
});

describe('routes', () => {
  it.each(['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'])('answer %s /mcp with 405', async (method) => {
    const answer = await send(edge.url, { method });
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  });

  it.each(['/', '/mcp/', '/MCP', '//mcp', '/mcp/..', '/api/v1', '/.well-known/openid-configuration'])(
    'know nothing of %s',
    async (path) => {
      expect((await send(edge.url, { path, body: legacyCall(1, 'echo') })).status).toBe(404);
      expect(broker.calls).toEqual([]);
    },
  );

  it('ignore a query', async () => {
    expect((await send(edge.url, { path: '/mcp?x=1', body: legacyCall(1, 'echo') })).status).toBe(200);
  });

  it('tell a load balancer, which asks by address, that the process lives and is ready', async () => {
    const headers = { host: '10.1.2.3' };
    expect((await send(edge.url, { method: 'GET', path: '/healthz', headers })).json).toEqual({ status: 'ok' });
    expect((await send(edge.url, { method: 'GET', path: '/readyz', headers })).json).toEqual({
      status: 'ready',
      checks: { store: 'ok' },
    });
  });

  it('tell Prometheus what was counted', async () => {
    await using counted = await startHttpEdge(broker, { metricsText: () => 'sallyport_calls_total 1\n' });
    expect(await send(counted.url, { method: 'GET', path: '/metrics', headers: { host: '10.1.2.3' } })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      text: 'sallyport_calls_total 1\n',
    });
    expect((await send(counted.url, { path: '/metrics', body: '{}' })).status).toBe(405);
  });

  it('answer 503 to /readyz when something that calls need is failing', async () => {
    await using failing = await startHttpEdge(broker, {
      readinessChecks: () => [
        { name: 'store', ok: false },
        { name: 'keys', ok: true },
      ],
    });
    expect(await send(failing.url, { method: 'GET', path: '/readyz' })).toMatchObject({
      status: 503,
      json: { status: 'not ready', checks: { store: 'failing', keys: 'ok' } },
    });
  });

  it('send headers that keep browsers from making anything of an answer', async () => {
    for (const path of ['/mcp', '/healthz', '/nowhere']) {
      expect((await send(edge.url, { method: 'GET', path })).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      });
    }
  });
});

describe('a sender that takes its time', () => {
  it('with the body loses the connection to a timeout', async () => {
    await using slow = await startHttpEdge(broker);
    slow.app.server.headersTimeout = 200;
    slow.app.server.requestTimeout = 300;
    const sent = open(slow.url, { headers: { ...MCP_HEADERS, 'content-length': '1000' } });
    const answer = answerTo(sent);
    sent.write('{');
    expect((await whole(await answer)).status).toBe(408);
  });

  it('with the headers loses the connection to a timeout', async () => {
    await using slow = await startHttpEdge(broker);
    slow.app.server.headersTimeout = 300;
    const socket = connect(slow.port, '127.0.0.1');
    socket.write('POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  it('and headers beyond the limit get 431', async () => {
    const answer = await send(edge.url, { headers: { ...MCP_HEADERS, 'x-filler': 'x'.repeat(40_000) } });
    expect(answer.status).toBe(431);
  });
});

describe('a request that the broker fails in', () => {
  it('is told nothing of it, and the log has its path without the query, which may hold the code of a sign-in', async () => {
    const said: unknown[] = [];
    await using failing = await startHttpEdge(broker, {
      logger: { ...silent, error: (fields) => void said.push(fields) },
      readinessChecks: () => Promise.reject(new Error('the disk is gone')),
    });
    const response = await fetch(new URL('/readyz?code=canary', failing.url));
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('disk');
    expect(said).toMatchObject([{ path: '/readyz' }]);
  });
});
