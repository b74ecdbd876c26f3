import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { legacyCall, modernCall } from '../../support/raw-http.ts';
import { BARE_ENVIRONMENT } from '../../support/bare-environment.ts';

/** The stdio edge in a process of its own, spoken to line by line. */
class StdioProcess {
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: string[] = [];
  stderr = '';

  constructor(token = 'ann') {
    const script = new URL('../../support/stdio-edge.ts', import.meta.url).pathname;
    this.process = spawn(process.execPath, [script], { env: { ...BARE_ENVIRONMENT, SALLYPORT_TOKEN: token } });
    createInterface({ input: this.process.stdout }).on('line', (line) => this.lines.push(line));
    this.process.stderr.on('data', (chunk) => (this.stderr += String(chunk)));
  }

  say(line: string | Buffer): void {
    this.process.stdin.write(line);
    this.process.stdin.write('\n');
  }

  /** The answer with this id, once it is there. */
  async answer(id: number | null): Promise<unknown> {
    const find = () => this.lines.map((line) => JSON.parse(line) as { id?: unknown }).find((line) => line.id === id);
    await expect.poll(find, { timeout: 10_000 }).toBeDefined();
    return find();
  }
}

let running: StdioProcess | undefined;
const start = (token?: string) => (running = new StdioProcess(token));
afterEach(() => running?.process.kill());

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

describe('stdio', () => {
  it('serves a 2025-era agent, and puts nothing but the protocol on stdout', async () => {
    const agent = start();
    agent.say(initialize);
    expect(await agent.answer(0)).toMatchObject({ result: { protocolVersion: '2025-11-25' } });
    agent.say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    agent.say(legacyCall(1, 'echo', { a: 1 }, { 'sallyport/session': 'run' }));
    expect(await agent.answer(1)).toMatchObject({
      result: { structuredContent: { args: { a: 1 }, sessionLabel: 'run', subject: 'ann' } },
    });
    expect(agent.lines).toHaveLength(2);
  });

  it('serves a 2026-era agent, which opens with its first request', async () => {
    const agent = start();
    agent.say(String(modernCall(1, 'echo', { a: 1 }).body));
    expect(await agent.answer(1)).toMatchObject({ result: { structuredContent: { args: { a: 1 } } } });
  });

  it('asks who is calling for every request, and refuses without detail', async () => {
    const agent = start('expired');
    agent.say(initialize);
    agent.say(legacyCall(1, 'echo'));
    agent.say('{"jsonrpc":"2.0","id":2,"method":"tools/list"}');
    expect(await agent.answer(1)).toMatchObject({ error: { code: -32001, message: 'The token has expired.' } });
    expect(await agent.answer(2)).toMatchObject({ error: { code: -32001 } });
  });

  it('refuses what HTTP refuses, says where and why, and serves on', async () => {
    const call = legacyCall(1, 'echo');
    const refused: [line: string | Buffer, code: number, reason: RegExp][] = [
      [`[${call}]`, -32600, /batches/],
      ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700, /character 24: a key stands twice/],
      [call.replace('{}', '{"a":9007199254740993}'), -32700, /rounded/],
      [call.replace('{}', `${'['.repeat(70)}${']'.repeat(70)}`), -32700, /more than 64 deep/],
      [legacyCall(1, 'echo', { a: 'x'.repeat(1_048_576) }), -32600, /1048576 bytes/],
      [Buffer.from(legacyCall(1, 'echo', { a: 'é' }), 'latin1'), -32700, /not UTF-8/],
      ['{"hello":1}', -32600, /no JSON-RPC/],
    ];
    const agent = start();
    for (const [line] of refused) agent.say(line);
    agent.say(initialize);
    expect(await agent.answer(0)).toMatchObject({ result: {} });
    const answers = agent.lines.slice(0, -1).map((line) => JSON.parse(line) as unknown);
    expect(answers).toEqual(
      refused.map(([, code, reason]) => ({
        jsonrpc: '2.0',
        id: null,
        error: { code, message: expect.stringMatching(reason) as string },
      })),
    );
  });

  it('counts a reply as delivered when it has been written, however large', async () => {
    const agent = start();
    agent.say(initialize);
    agent.say(legacyCall(1, 'big'));
    await agent.answer(1);
    agent.say(legacyCall(2, 'delivered'));
    expect(await agent.answer(2)).toMatchObject({ result: { structuredContent: { delivered: ['invocation-1'] } } });
  });

  it('cancels the call that a notification names', async () => {
    const agent = start();
    agent.say(initialize);
    agent.say(legacyCall(1, 'hang'));
    agent.say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await delay(100);
    agent.say(legacyCall(2, 'cancelled'));
    expect(await agent.answer(2)).toMatchObject({ result: { structuredContent: { cancelled: 1 } } });
  });

  it('ends when the agent closes its end, and cancels what was running', async () => {
    const agent = start();
    agent.say(initialize);
    await agent.answer(0);
    agent.say(legacyCall(1, 'hang'));
    await delay(50);
    agent.process.stdin.end();
    const [code] = (await once(agent.process, 'exit')) as [number];
    expect(code).toBe(0);
    expect(agent.stderr).toContain('closed, 1 cancelled');
  });

  it('ends when the agent is gone', async () => {
    const agent = start();
    agent.say(initialize);
    await agent.answer(0);
    agent.process.stdin.destroy();
    agent.process.stdout.destroy();
    const [code] = (await once(agent.process, 'exit')) as [number];
    expect(code).toBe(0);
  });
});
