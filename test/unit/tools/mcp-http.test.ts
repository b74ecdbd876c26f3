// Upstreams over Streamable HTTP: 2026-07-28 and 2025 with sessions.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import type { BackendError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { Progress, ToolAnswer } from '../../../src/core/tool.ts';
import { startHttpUpstream, type HttpUpstream } from '../../support/upstream-http.ts';
import { callUpstreamTool, openUpstream, type TestLease, type TestUpstream } from '../../support/upstream.ts';

const failure = (call: Promise<ToolAnswer>): Promise<unknown> =>
  call.then(
    () => 'an answer',
    (error: unknown) => error,
  );

describe.each(['v1', 'v2'] as const)('an upstream over HTTP (SDK %s)', (sdk) => {
  let server: HttpUpstream;
  let upstream: TestUpstream;
  let lease: TestLease;
  beforeEach(async () => {
    server = await startHttpUpstream(sdk);
    upstream = await openUpstream({ url: server.url }, { token: new Secret('token-1') });
    lease = upstream.lease();
  });
  afterEach(async () => {
    await upstream[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const call = (name: string, args: JsonObject = {}, more = {}): Promise<ToolAnswer> =>
    callUpstreamTool(upstream.tool(name), lease, args, more);

  test('is called with the token of the lease, on every request', async () => {
    expect((await call('echo', { value: 'x' })).structured).toEqual({ value: 'x' });
    expect(new Set(server.received.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer token-1']));
  });

  test('gets the token in the header that was declared', async () => {
    await using other = await openUpstream(
      { url: server.url, token: { header: 'X-Api-Key', prefix: 'Key ' } },
      { token: new Secret('k') },
    );
    server.received.length = 0;
    await callUpstreamTool(other.tool('echo'), other.lease(), { value: 'x' });
    expect(
      server.received.every(({ headers }) => headers['x-api-key'] === 'Key k' && headers.authorization === undefined),
    ).toBe(true);
  });

  test('tells how far a call has come', async () => {
    const updates: Progress[] = [];
    await call('progress', {}, { progress: (update: Progress) => void updates.push(update) });
    expect(updates.map(({ progress }) => progress)).toEqual([1, 2, 3]);
  });

  test('is told when a call was cancelled', async () => {
    await call('echo', { value: 'x' });
    const error = await failure(call('hang', {}, { signal: AbortSignal.timeout(300) }));
    expect(error).toMatchObject({ code: 'deadline_exceeded' });
    await expect.poll(async () => (await call('cancelled')).structured).toEqual({ cancelled: ['hang'] });
  });

  test('has a changed definition hide the tool', async () => {
    const echo = upstream.tool('echo');
    await call('echo', { value: 'x' });
    await delay(200);
    await call('reword', { words: 'Says something else.' });
    await expect.poll(() => echo.available?.()).toBe(false);
    expect(upstream.changes).toEqual([{ backend: 'upstream', tools: [{ name: 'echo', change: 'changed' }] }]);
  });

  test('that redirects is not followed, so that the token stays where it belongs', async () => {
    const elsewhere: unknown[] = [];
    const other = await startHttpUpstream('v2');
    other.instead = (request, response) => {
      elsewhere.push(request.headers);
      response.end();
    };
    server.instead = (_request, response) => response.writeHead(307, { Location: other.url }).end();
    expect(await failure(call('echo', { value: 'x' }))).toMatchObject({ code: 'backend_unavailable' });
    expect(elsewhere).toEqual([]);
    await other[Symbol.asyncDispose]();
  });

  test.each([401, 403, 404, 500, 503])(
    'that answers with status %i is told of to the operator alone',
    async (status) => {
      server.instead = (_request, response) => response.writeHead(status).end('backend-secret-8c21');
      const error = (await failure(call('echo', { value: 'x' }))) as BackendError;
      expect(error.code).toBe('backend_unavailable');
      expect(error.detail).toContain(String(status));
      expect(JSON.stringify([error.words, error.detail])).not.toContain('backend-secret');
    },
  );

  test('that is gone is found again when it is back', async () => {
    await call('echo', { value: 'x' });
    server.instead = (_request, response) => response.destroy();
    expect(await failure(call('echo', { value: 'x' }))).toMatchObject({ name: 'BackendError' });
    server.instead = undefined;
    expect((await call('echo', { value: 'x' })).structured).toEqual({ value: 'x' });
  });

  test.each([
    ['application/json', '', ''],
    ['text/event-stream', ': it"s\\\ndata: ', '\n\n'],
  ])('that answers with more values than anybody can read at once is cut off (%s)', async (type, before, after) => {
    await call('echo', { value: 'x' });
    server.instead = (_request, response) => {
      response.writeHead(200, { 'Content-Type': type });
      response.end(
        `${before}{"jsonrpc":"2.0","id":2,"result":{"content":[],"x":[${'[],'.repeat(1_000_000)}0]}}${after}`,
      );
    };
    const error = (await failure(call('echo', { value: 'x' }))) as BackendError;
    expect(error).toMatchObject({ name: 'BackendError', detail: expect.stringContaining('too large') as string });
  });

  test('that answers without end is cut off, and no more than its own calls fail', async () => {
    await call('echo', { value: 'x' });
    server.instead = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const more = (): void => {
        if (!response.destroyed) response.write(`: ${'x'.repeat(1_048_576)}\n`, more);
      };
      more();
    };
    const error = (await failure(call('echo', { value: 'x' }))) as BackendError;
    expect(error).toMatchObject({ name: 'BackendError', detail: expect.stringContaining('too large') as string });
  });
});

test.each(['0', '4294967296'])(
  'an upstream that ends its stream again and again, and asks for it anew at once (retry: %s), is asked now and then',
  async (retry) => {
    let asked = 0;
    const server = createServer((request, response) => {
      if (request.method === 'GET') {
        asked++;
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(`retry: ${retry}\nid: 1\ndata:\n\n`);
        return;
      }
      void text(request).then((body) => {
        const { id, method } = JSON.parse(body === '' ? '{}' : body) as { id?: number; method?: string };
        const result = RESULTS[method ?? ''];
        if (id === undefined) response.writeHead(202).end();
        else if (result === undefined) response.writeHead(400).end();
        else {
          response.writeHead(200, { 'Content-Type': 'application/json' });
          response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using upstream = await openUpstream({ url: `http://127.0.0.1:${String(port)}/mcp` });
    asked = 0;
    await callUpstreamTool(upstream.tool('say'), upstream.lease());
    await expect.poll(() => asked).toBeGreaterThan(0);
    const [before, started] = [asked, performance.now()];
    await delay(2_000);
    expect(asked - before).toBeLessThanOrEqual(Math.ceil((performance.now() - started) / 1_000));
    server.close();
    server.closeAllConnections();
  },
);

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 'restless', version: '1' },
  },
  'tools/list': { tools: [{ name: 'say', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [] },
};
