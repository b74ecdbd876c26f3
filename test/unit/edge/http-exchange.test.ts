import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../../src/core/broker.ts';
import { refuse } from '../../../src/core/errors.ts';
import { startHttpEdge, type HttpEdge } from '../../support/http-edge.ts';
import {
  MCP_HEADERS,
  answerTo,
  legacyCall,
  modernCall,
  open,
  send,
  whole,
  type RawOptions,
} from '../../support/raw-http.ts';
import { ScriptedBroker, type ScriptedTool } from '../../support/scripted-broker.ts';

/** A tool that ends when the test says so, or its call is cancelled. */
class Gate implements ScriptedTool {
  readonly started = Promise.withResolvers<Call>();
  readonly opened = Promise.withResolvers<undefined>();
  readonly run = async (call: Call) => {
    this.started.resolve(call);
    const cancelled = new Promise<'cancelled'>((resolve) => {
      call.signal.addEventListener('abort', () => resolve('cancelled'));
    });
    const ended = await Promise.race([this.opened.promise, cancelled]);
    return ended === 'cancelled' ? { refusal: refuse('cancelled') } : { structured: { done: true } };
  };
}

async function withGate(more: Parameters<typeof startHttpEdge>[1] = {}) {
  const gate = new Gate();
  const broker = new ScriptedBroker({ gate, fast: { run: () => ({ structured: { fast: true } }) } });
  const edge = await startHttpEdge(broker, more);
  return { gate, broker, edge, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}

function begin(edge: HttpEdge, options: RawOptions) {
  const sent = open(edge.url, options);
  const answer = answerTo(sent);
  // A test that destroys the request does not wait for its answer.
  answer.catch(() => undefined);
  sent.end(options.body);
  return { sent, answer };
}

const inSession = (session: string, body: string): RawOptions => ({
  headers: { ...MCP_HEADERS, 'mcp-session-id': session },
  body,
});

const cancellation = (requestId: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });

const text = (words: unknown) => ({ result: { content: [{ type: 'text', text: words }] } });

describe('an answer', () => {
  it('is waited for as long as the agent is known to wait, where its client does not come back', async () => {
    for (const [agentPatienceMs, ms] of [
      [{ agent: 300_000 }, 300_000],
      [{ another: 300_000 }, 55_000],
    ] as const) {
      await using held = await withGate({ agentPatienceMs });
      const headers = { ...MCP_HEADERS, authorization: 'Bearer token-of-ada' };
      await send(held.edge.url, { headers, body: legacyCall(1, 'fast') });
      const modern = modernCall(2, 'fast');
      await send(held.edge.url, { ...modern, headers: { ...modern.headers, ...headers } });
      expect(held.broker.calls.map(({ patience }) => patience)).toEqual([
        { ms, comesBack: false },
        { ms: 50_000, comesBack: true },
      ]);
    }
  });

  it('that comes soon is plain JSON, in both eras', async () => {
    await using test = await withGate();
    for (const request of [{ body: legacyCall(1, 'fast') }, modernCall(2, 'fast')]) {
      const answer = await send(test.edge.url, request);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.json).toMatchObject({ result: { structuredContent: { fast: true } } });
    }
  });

  it.each([
    ['2025', { body: legacyCall(7, 'gate') }],
    ['2026-07-28', modernCall(7, 'gate')],
  ])('that takes long becomes a stream that is kept alive, in %s', async (_era, request) => {
    await using test = await withGate({ patience: { streamAfterMs: 50, keepAliveMs: 30 } });
    const { answer } = begin(test.edge, request);
    const opened = await answer;
    expect(opened.headers['content-type']).toBe('text/event-stream');
    await delay(200);
    test.gate.opened.resolve(undefined);
    const { text: stream, json } = await whole(opened);
    expect(stream.match(/^: keep-alive$/gm)?.length).toBeGreaterThanOrEqual(4);
    expect(json).toMatchObject({ id: 7, result: { structuredContent: { done: true } } });
    // Longer than the bytes are apart: none may follow an answer.
    await delay(80);
    expect(test.broker.delivered).toEqual(['invocation-1']);
  });

  it('stays plain JSON for a 2026-era client that takes no streams', async () => {
    await using test = await withGate({ patience: { streamAfterMs: 20, keepAliveMs: 20 } });
    const request = modernCall(1, 'gate');
    const { answer } = begin(test.edge, { ...request, headers: { ...request.headers, accept: 'application/json' } });
    await delay(100);
    test.gate.opened.resolve(undefined);
    expect((await answer).headers['content-type']).toMatch(/^application\/json/);
  });
});

describe('a reply', () => {
  it('counts as delivered once it has been written in full, and not before', async () => {
    await using test = await withGate();
    const { answer } = begin(test.edge, { body: legacyCall(1, 'gate') });
    await test.gate.started.promise;
    expect(test.broker.delivered).toEqual([]);
    test.gate.opened.resolve(undefined);
    await whole(await answer);
    await expect.poll(() => test.broker.delivered).toEqual(['invocation-1']);
  });

  it.each([
    ['plain', 10_000],
    ['streamed', 20],
  ])('is not delivered to a 2025-era caller that hung up (%s), and the call runs on', async (_how, streamAfterMs) => {
    await using test = await withGate({ patience: { streamAfterMs, keepAliveMs: 20 } });
    const { sent } = begin(test.edge, inSession('s', legacyCall(1, 'gate')));
    const call = await test.gate.started.promise;
    await delay(60);
    sent.destroy();
    await delay(60);
    expect(call.signal.aborted).toBe(false);
    test.gate.opened.resolve(undefined);
    await delay(60);
    expect(test.broker.delivered).toEqual([]);
  });

  it('is not delivered to a caller that hangs up in the middle of it', async () => {
    const broker = new ScriptedBroker({ big: { run: () => ({ structured: { text: 'x'.repeat(16_000_000) } }) } });
    await using edge = await startHttpEdge(broker);
    const { sent, answer } = begin(edge, { body: legacyCall(1, 'big') });
    (await answer).pause();
    await delay(50);
    sent.destroy();
    await delay(50);
    expect(broker.calls).toHaveLength(1);
    expect(broker.delivered).toEqual([]);
  });

  it('that refuses is told to the model as the text of a failed result', async () => {
    const broker = new ScriptedBroker({
      no: { run: () => ({ refusal: refuse('denied', { words: 'Not at night.', detail: 'rule 7' }) }) },
    });
    await using edge = await startHttpEdge(broker);
    for (const request of [{ body: legacyCall(1, 'no') }, modernCall(2, 'no')]) {
      const answer = await send(edge.url, request);
      expect(answer.json).toMatchObject({ result: { isError: true, ...text('Not at night.').result } });
      expect(answer.text).not.toContain('rule 7');
    }
    expect(broker.delivered).toHaveLength(2);
  });

  it('to an unknown tool is JSON-RPC’s "invalid params", and has been through the broker', async () => {
    const broker = new ScriptedBroker({});
    await using edge = await startHttpEdge(broker);
    const answer = await send(edge.url, { body: legacyCall(1, 'nothing') });
    expect(answer.json).toMatchObject({ id: 1, error: { code: -32602, message: 'There is no such tool.' } });
    expect(broker.calls.map((call) => call.tool)).toEqual(['nothing']);
    await send(edge.url, { body: legacyCall(2, 'n'.repeat(100_000)) });
    expect(broker.calls.at(-1)?.tool).toBe(`${'n'.repeat(64)}…`);
  });

  it('says nothing of a fault of the broker’s own', async () => {
    const broker = new ScriptedBroker({ broken: { run: () => Promise.reject(new Error('password=hunter2')) } });
    await using edge = await startHttpEdge(broker);
    const answer = await send(edge.url, modernCall(1, 'broken'));
    expect(answer.json).toMatchObject({
      result: { isError: true, ...text(expect.stringContaining('operator')).result },
    });
    expect(answer.text).not.toContain('hunter2');
  });

  it('says nothing of a fault in listing tools either', async () => {
    const broker = new ScriptedBroker({});
    broker.list = () => {
      throw new Error('password=hunter2');
    };
    await using edge = await startHttpEdge(broker);
    const answer = await send(edge.url, { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });
    expect(answer.json).toMatchObject({
      id: 1,
      error: { code: -32603, message: expect.stringContaining('operator') as string },
    });
    expect(answer.text).not.toContain('hunter2');
  });

  it('carries an error’s text alone, which no output schema is held to', async () => {
    const broker = new ScriptedBroker({
      failed: {
        outputSchema: { type: 'object', required: ['x'] },
        run: () => ({ isError: true, structured: { y: 1 } }),
      },
    });
    await using edge = await startHttpEdge(broker);
    const { json } = await send(edge.url, { body: legacyCall(1, 'failed') });
    expect(json).toMatchObject({ result: { isError: true, ...text('{"y":1}').result } });
    expect(json).not.toHaveProperty('result.structuredContent');
  });
});

describe('arguments', () => {
  it('reach the broker as they were sent, whatever their names', async () => {
    const broker = new ScriptedBroker({ any: { run: () => ({}) } });
    await using edge = await startHttpEdge(broker);
    const args = '{"constructor":2,"10":0,"nested":{"toString":3},"list":[1,null,{"b":"ü"}]}';
    const modern = modernCall(2, 'any');
    await send(edge.url, { body: legacyCall(1, 'any').replace('{}', args) });
    await send(edge.url, { ...modern, body: String(modern.body).replace('"arguments":{}', `"arguments":${args}`) });
    const sent: unknown = JSON.parse(args);
    expect(broker.calls.map((call) => call.arguments)).toEqual([sent, sent]);
  });
});

describe('cancellation', () => {
  it('in 2026-07-28 is the connection closing', async () => {
    await using test = await withGate();
    const { sent } = begin(test.edge, modernCall(1, 'gate'));
    const call = await test.gate.started.promise;
    expect(call.signal.aborted).toBe(false);
    sent.destroy();
    await expect.poll(() => call.signal.aborted).toBe(true);
    expect(test.broker.delivered).toEqual([]);
  });

  it('in 2026-07-28 is the connection closing, also once the answer has become a stream', async () => {
    await using test = await withGate({ patience: { streamAfterMs: 20, keepAliveMs: 20 } });
    const { sent, answer } = begin(test.edge, modernCall(1, 'gate'));
    await answer;
    sent.destroy();
    await expect.poll(async () => (await test.gate.started.promise).signal.aborted).toBe(true);
  });

  it('in the 2025 era is a notification on another connection, of the same principal, session and id', async () => {
    await using test = await withGate();
    const { answer } = begin(test.edge, inSession('one', legacyCall(5, 'gate')));
    const call = await test.gate.started.promise;

    const others = [
      inSession('two', cancellation(5)),
      inSession('one', cancellation('5')),
      inSession('one', cancellation(6)),
      { headers: MCP_HEADERS, body: cancellation(5) },
      {
        headers: { ...MCP_HEADERS, 'mcp-session-id': 'one', authorization: 'Bearer token-of-bob' },
        body: cancellation(5),
      },
    ];
    for (const other of others) expect((await send(test.edge.url, other)).status).toBe(202);
    await delay(20);
    expect(call.signal.aborted).toBe(false);

    expect((await send(test.edge.url, inSession('one', cancellation(5)))).status).toBe(202);
    expect(call.signal.aborted).toBe(true);
    expect((await whole(await answer)).json).toMatchObject(text('The call was cancelled.'));
  });

  it('of a call that has ended reaches no later one', async () => {
    await using test = await withGate();
    await send(test.edge.url, inSession('one', legacyCall(1, 'fast')));
    await send(test.edge.url, inSession('one', cancellation(1)));
    begin(test.edge, inSession('one', legacyCall(1, 'gate')));
    await delay(20);
    expect((await test.gate.started.promise).signal.aborted).toBe(false);
  });
});

describe('the session label', () => {
  const labels = async (...requests: RawOptions[]) => {
    const broker = new ScriptedBroker({ fast: { run: () => ({}) } });
    await using edge = await startHttpEdge(broker);
    const answers = [];
    for (const request of requests) answers.push(await send(edge.url, request));
    return { answers, labels: broker.calls.map((call) => call.sessionLabel) };
  };

  it('is what _meta says, else what the Mcp-Session-Id of a 2025-era client says, else nothing', async () => {
    const meta = { 'sallyport/session': 'run-1' };
    const modern = modernCall(5, 'fast');
    const { labels: seen } = await labels(
      inSession('given', legacyCall(1, 'fast', {}, meta)),
      inSession('given', legacyCall(2, 'fast')),
      { body: legacyCall(3, 'fast') },
      modernCall(4, 'fast', {}, meta),
      { ...modern, headers: { ...modern.headers, 'mcp-session-id': 'given' } },
    );
    expect(seen).toEqual(['run-1', 'given', undefined, 'run-1', undefined]);
  });

  it('is given out at initialize, each time another', async () => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
    const initialize = { body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }) };
    const { answers } = await labels(initialize, initialize);
    const given = answers.map((answer) => answer.headers['mcp-session-id']);
    expect(given[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(given[1]).not.toBe(given[0]);
  });

  it.each([[''], ['x'.repeat(129)], [7], [null]])(
    'that is no short text is refused, and nothing is called',
    async (label) => {
      const meta = { 'sallyport/session': label };
      const { answers, labels: seen } = await labels(
        { body: legacyCall(1, 'fast', {}, meta) },
        modernCall(2, 'fast', {}, meta),
      );
      expect(seen).toEqual([]);
      for (const answer of answers) expect(answer.json).toMatchObject({ error: { code: -32602 } });
    },
  );

  it('of a header that is too long is refused', async () => {
    const { answers, labels: seen } = await labels(inSession('x'.repeat(129), legacyCall(1, 'fast')));
    expect(answers[0]?.status).toBe(400);
    expect(seen).toEqual([]);
  });
});

describe('closing', () => {
  it('lets a running call finish, and takes no new connection', async () => {
    await using test = await withGate();
    const { answer } = begin(test.edge, { body: legacyCall(1, 'gate') });
    await test.gate.started.promise;
    const closed = test.edge.app.close(5_000);
    await expect(send(test.edge.url, { body: legacyCall(2, 'fast') })).rejects.toThrow('ECONNREFUSED');
    test.gate.opened.resolve(undefined);
    expect((await whole(await answer)).json).toMatchObject({ result: { structuredContent: { done: true } } });
    await closed;
    expect(test.broker.delivered).toEqual(['invocation-1']);
  });

  it('does not wait for a connection that is kept open after its answer', async () => {
    await using test = await withGate();
    const agent = new Agent({ keepAlive: true });
    const sent = request(test.edge.url, { method: 'POST', headers: MCP_HEADERS, agent });
    const answer = answerTo(sent);
    sent.end(legacyCall(1, 'gate'));
    await test.gate.started.promise;
    const startedAt = performance.now();
    const closed = test.edge.app.close(5_000);
    test.gate.opened.resolve(undefined);
    await whole(await answer);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    agent.destroy();
  });

  it('cuts off what outlives the grace', async () => {
    await using test = await withGate();
    const { answer } = begin(test.edge, { body: legacyCall(1, 'gate') });
    await test.gate.started.promise;
    await test.edge.app.close(50);
    await expect(answer).rejects.toThrow(/socket hang up|ECONNRESET/);
    expect(test.broker.delivered).toEqual([]);
  });
});
