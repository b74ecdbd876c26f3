// What a call over HTTP sends, and what becomes of the answer, with a real server on the other side.
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import {
  compileHttp,
  httpLease,
  httpTool,
  json,
  serveHttp,
  type HttpLease,
  type HttpServer,
  type Received,
} from '../../support/http-backend.ts';

let server: HttpServer;
let answer: (request: Received, response: ServerResponse) => void;
let lease: HttpLease;

beforeEach(async () => {
  answer = (_, response) => {
    json(response, { ok: true });
  };
  server = await serveHttp((request, response) => {
    answer(request, response);
  });
  lease = httpLease({ token: new Secret('t0ken') });
});
afterEach(async () => {
  await lease[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describe('a request', () => {
  it('is made of the arguments, below the path of the backend', async () => {
    const tool = httpTool(
      server.origin,
      `
      method: PUT
      path: /orders/{id}/lines/{line}
      query: { tag: "{tags}", note: "about {note}", gone: "{gone}" }
      headers: { X-Reason: "{note}", X-Gone: "{gone}" }
      body: { amount: "{amount}", text: "{note} ({amount})", lines: "{lines}", fixed: [1, "{gone}", "{amount}"], gone: "{gone}", nested: { gone: "x{gone}" } }
      input:
        id: { type: string }
        line: { type: integer }
        tags: { type: array, items: { type: string } }
        note: { type: string }
        amount: { type: number }
        lines: { type: array, items: { type: object, properties: { sku: { type: string } } } }
        gone: { type: string, optional: true }
      `,
    );
    const args = { id: 'a/b', line: 7, tags: ['x', 'y&z'], note: 'hi', amount: 1.5, lines: [{ sku: '"1"' }] };
    expect(await lease.call(tool, args)).toEqual({ structured: { ok: true } });
    const [{ method, url, headers, body } = { method: '', url: '', headers: {}, body: '' }] = server.received;
    expect([method, url]).toEqual(['PUT', '/base/orders/a%2Fb/lines/7?tag=x&tag=y%26z&note=about%20hi']);
    expect(JSON.parse(body)).toEqual({
      amount: 1.5,
      text: 'hi (1.5)',
      lines: [{ sku: '"1"' }],
      fixed: [1, 1.5],
      nested: {},
    });
    expect(headers).toMatchObject({
      'x-reason': 'hi',
      'content-type': 'application/json',
      host: server.origin.slice(7),
    });
    expect(headers).not.toHaveProperty('x-gone');
  });

  it.each([
    ['', { token: new Secret('t0ken') }, { authorization: 'Bearer t0ken' }],
    ['token: { header: X-Api-Key }', { token: new Secret('t0ken') }, { 'x-api-key': 't0ken' }],
    [
      'token: { header: Authorization, prefix: "Token " }',
      { token: new Secret('t0ken') },
      { authorization: 'Token t0ken' },
    ],
    [
      '',
      { user: 'ada', password: new Secret('pässword') },
      { authorization: `Basic ${Buffer.from('ada:pässword').toString('base64')}` },
    ],
    ['headers: { X-Tenant: acme }', {}, { 'x-tenant': 'acme' }],
  ])('carries the credential of its lease where the backend says: %s', async (more, credential, headers) => {
    await using own = httpLease(credential);
    const backend = `{ url: "${server.origin}", privateAddresses: [127.0.0.1], ${more} }`;
    const [tool] = compileHttp(backend, '{ method: GET, path: /a }').tools;
    if (tool === undefined) throw new Error('no tool');
    await own.call(tool);
    expect(server.received[0]?.headers).toMatchObject(headers);
    expect('authorization' in (server.received[0]?.headers ?? {})).toBe('authorization' in headers);
  });

  it('is not made without a lease, nor with a credential that fits nowhere', async () => {
    const tool = httpTool(server.origin, '{ method: GET, path: /a }');
    await using odd = httpLease({ certificate: new Secret('x') });
    await expect(odd.call(tool)).rejects.toMatchObject({ code: 'backend_unavailable' });
    expect(server.received).toEqual([]);
  });

  it('is not made with a credential that no header can carry, and says nothing of it', async () => {
    await using broken = httpLease({ token: new Secret('first-line\nX-Admin: 1') });
    const call = broken.call(httpTool(server.origin, '{ method: POST, path: /a }'));
    const error = (await call.catch((reason: unknown) => reason)) as { code: string; detail: string };
    expect(error).toMatchObject({
      code: 'backend_unavailable',
      detail: expect.stringContaining('line break') as string,
    });
    expect(error.detail).not.toContain('first-line');
    expect(server.received).toEqual([]);
  });

  it('that must not be made twice carries the id of its invocation', async () => {
    for (const method of ['POST', 'PATCH', 'PUT', 'GET']) {
      await lease.call(httpTool(server.origin, `{ method: ${method}, path: /a }`));
    }
    const keys = server.received.map(({ headers }) => headers['idempotency-key']);
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;
    expect(keys).toEqual([expect.stringMatching(uuid), expect.stringMatching(uuid), undefined, undefined]);
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('keeps the connection of its lease, and shares it with no other', async () => {
    const tool = httpTool(server.origin, '{ method: GET, path: /a }');
    for (let call = 0; call < 20; call++) await lease.call(tool);
    const used = server.connections();
    expect(used).toBeLessThanOrEqual(2);
    await using other = httpLease();
    await other.call(tool);
    expect(server.connections()).toBe(used + 1);
  });
});

describe('an answer', () => {
  const answerTo = async (type: string | undefined, body: string | Buffer, status = 200): Promise<unknown> => {
    answer = (_, response) => response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(body);
    const { structured } = await lease.call(httpTool(server.origin, '{ method: GET, path: /a }'));
    return structured;
  };

  it('is structured content: a JSON object itself, anything else under `body`', async () => {
    expect(await answerTo('application/json', '{"a":[1,{"b":null}]}')).toEqual({ a: [1, { b: null }] });
    expect(await answerTo('application/vnd.api+json; charset=utf-8', '[1,2]')).toEqual({ body: [1, 2] });
    expect(await answerTo('application/json', '"text"')).toEqual({ body: 'text' });
    expect(await answerTo('text/plain', 'é')).toEqual({ body: 'é' });
    expect(await answerTo('text/plain', '[note] é')).toEqual({ body: '[note] é' });
    expect(await answerTo('text/plain; charset=iso-8859-1', Buffer.from([0xe9]))).toEqual({ body: 'é' });
    expect(await answerTo(undefined, '', 204)).toEqual({ body: null });
  });

  it('is what it holds, not what it says it is: masks find JSON that is called text', async () => {
    expect(await answerTo('text/plain', '\u00a0 {"email":"ann@example.com"}')).toEqual({ email: 'ann@example.com' });
    expect(await answerTo('text/json', '[{"email":"ann@example.com"}]')).toEqual({
      body: [{ email: 'ann@example.com' }],
    });
  });

  it('keeps numbers that a double would change, as strings', async () => {
    const numbers = '{"id":9007199254740993,"sum":0.1000000000000000055,"big":1e400,"plain":12.50,"small":1e-7}';
    expect(await answerTo('application/json', numbers)).toEqual({
      id: '9007199254740993',
      sum: '0.1000000000000000055',
      big: '1e400',
      plain: 12.5,
      small: 1e-7,
    });
  });

  it.each([
    [400, 'backend_rejected', 'Correct them'],
    [401, 'backend_failed', undefined],
    [403, 'backend_rejected', 'does not allow'],
    [404, 'backend_rejected', 'nothing of that name'],
    [409, 'backend_rejected', 'does not allow this change'],
    [422, 'backend_rejected', 'Correct them'],
    [429, 'backend_unavailable', 'takes no more calls'],
    [418, 'backend_rejected', undefined],
    [500, 'backend_failed', undefined],
    [503, 'backend_unavailable', undefined],
  ])('of status %i is a failure, in words of the broker', async (status, code, words) => {
    const call = answerTo('text/plain', 'host db1.internal said no', status);
    await expect(call).rejects.toMatchObject({
      code,
      words: words === undefined ? undefined : (expect.stringContaining(words) as string),
      detail: expect.stringMatching(`^api at 127.0.0.1:\\d+: HTTP ${String(status)}`) as string,
    });
  });

  it('of status 5xx to a change leaves open whether it was made', async () => {
    answer = (_, response) => {
      json(response, {}, 502);
    };
    await expect(lease.call(httpTool(server.origin, '{ method: POST, path: /a }'))).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
  });
});

describe('a call that the backend puts off', () => {
  const putOff = (status: number, after: string | undefined, times = 1): void => {
    answer = (_, response) => {
      if (server.received.length > times) json(response, { ok: true });
      else response.writeHead(status, after === undefined ? {} : { 'retry-after': after }).end();
    };
  };
  const call = (method: string, timeoutMs = 5_000): Promise<unknown> =>
    lease.call(httpTool(server.origin, `{ method: ${method}, path: /a }`), {}, { timeoutMs });

  it.each(['GET', 'PUT', 'DELETE'])(
    'is made again when it says, where sending it twice does no more: %s',
    async (method) => {
      putOff(503, '0');
      expect(await call(method)).toEqual({ structured: { ok: true } });
      expect(server.received).toHaveLength(2);
    },
  );

  it.each([
    ['POST', 503, '0'],
    ['PATCH', 429, '0'],
    ['GET', 503, undefined],
    ['GET', 503, 'soon'],
    ['GET', 500, '0'],
    ['GET', 429, '60'],
    ['GET', 429, new Date(Date.now() + 60_000).toUTCString()],
  ])('is not made again otherwise: %s, %i, Retry-After: %s', async (method, status, after) => {
    putOff(status, after);
    await expect(call(method)).rejects.toMatchObject({ name: 'BackendError' });
    expect(server.received).toHaveLength(1);
  });

  it('is given up after three times', async () => {
    putOff(429, '0', 10);
    await expect(call('GET')).rejects.toMatchObject({ code: 'backend_unavailable' });
    expect(server.received).toHaveLength(3);
  });

  it('can be cancelled while it waits', async () => {
    putOff(429, '2');
    const tool = httpTool(server.origin, '{ method: GET, path: /a }');
    const waiting = lease.call(tool, {}, { signal: cancelIn(200) });
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });
});

function cancelIn(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort();
  }, ms);
  return controller.signal;
}

it.each([
  ['http://127.0.0.1:1', /nothing listens/],
  ['http://name.invalid', /host name is not known|DNS does not answer/],
])('a backend that is not there is told to the operator: %s', async (url, why) => {
  const [tool] = compileHttp(`{ url: "${url}", privateAddresses: [127.0.0.1] }`, '{ method: POST, path: /a }').tools;
  if (tool === undefined) throw new Error('no tool');
  const error = (await lease.call(tool).catch((reason: unknown) => reason)) as { code: string; detail: string };
  expect(error).toMatchObject({ code: 'backend_unavailable', words: undefined });
  expect(error.detail).toMatch(why);
});

describe('a declaration', () => {
  const problems = (written: string, backend = 'url: https://api.example'): readonly string[] =>
    compileHttp(`{ ${backend} }`, written).problems;

  it.each([
    ['{ path: /a }', 'method: missing `method`: a request has a method and a path'],
    ['{ method: GET, path: "/a/{id}" }', 'path: {id} is no input of the tool'],
    [
      '{ method: GET, path: "/a/{id}", input: { id: { type: string, optional: true } } }',
      'path: {id} cannot stand here: the input may be left out',
    ],
    [
      '{ method: GET, path: "/a/{id}", input: { id: { type: array, items: { type: string } } } }',
      'path: {id} cannot stand here: the input is of type array',
    ],
    [
      '{ method: GET, path: /a, query: { q: "{q}" }, input: { q: { type: object, properties: {} } } }',
      'query.q: {q} cannot stand here: the input is of type object',
    ],
    ['{ method: GET, path: /a, input: { q: { type: string } } }', 'input.q: the request does not use {q}'],
    ['{ method: GET, path: /a, body: { a: 1 } }', 'body: a GET request has no body'],
    [
      '{ method: GET, path: /a, headers: { Authorization: x } }',
      'headers.Authorization: the backend, or the broker itself, says what stands in this header',
    ],
    [
      '{ method: POST, path: /a, readOnly: true }',
      'warning: readOnly: a POST request usually changes something, and that it does not is for the backend to hold',
    ],
  ])('%s says: %s', (written, problem) => {
    expect(problems(written)).toContainEqual(expect.stringContaining(problem));
  });

  it.each([
    '{ method: GET, path: a }',
    '{ method: GET, path: /a/../b }',
    '{ method: GET, path: "/a\\\\b" }',
    '{ method: GET, path: /%2e%2f }',
    '{ method: TRACE, path: /a }',
    '{ method: GET, path: /a, headers: { Host: x } }',
    '{ method: GET, path: /a, headers: { X: "a\\nb" } }',
  ])('is no request: %s', (written) => {
    expect(() => problems(written)).toThrow();
  });

  it('of a backend that speaks without encryption is warned of', () => {
    expect(problems('{ method: GET, path: /a }', 'url: http://api.example')).toEqual([
      'warning: url: credentials and data travel unencrypted',
    ]);
  });
});
