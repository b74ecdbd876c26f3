import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import type { Progress, ToolAnswer } from '../../../src/core/tool.ts';
import type { BackendError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { UpstreamConnection } from '../../../tools/mcp/connection.ts';
import { WatchedStdioTransport } from '../../../tools/mcp/stdio-transport.ts';
import {
  callUpstreamTool,
  openUpstream,
  serverCommand,
  textOf,
  type TestLease,
  type TestUpstream,
} from '../../support/upstream.ts';

const failure = (call: Promise<ToolAnswer>): Promise<BackendError> =>
  call.then(
    (answer) => {
      throw new Error(`an answer: ${JSON.stringify(answer).slice(0, 200)}`);
    },
    (error: unknown) => error as BackendError,
  );

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${String(pid)}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describe.each(['upstream-v1.ts', 'upstream-v2.ts'])('a child of the kind mcp (%s)', (file) => {
  let upstream: TestUpstream;
  let lease: TestLease;
  beforeAll(async () => {
    vi.stubEnv('OF_THE_BROKER', 'secret');
    const declared = { command: serverCommand(file), env: { DECLARED: 'yes' }, credentialEnv: { API_KEY: 'token' } };
    upstream = await openUpstream(declared, { token: new Secret('key-1') });
    lease = upstream.lease();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await upstream[Symbol.asyncDispose]();
  });
  const call = (name: string, args: JsonObject = {}, of = lease): Promise<ToolAnswer> =>
    callUpstreamTool(upstream.tool(name), of, args);

  test('has the environment that was declared, the credential where it was declared, and nothing else', async () => {
    const { structured } = await call('environment');
    expect(structured?.['environment']).toEqual({ DECLARED: 'yes', API_KEY: 'key-1' });
  });

  test('is told when a call was cancelled', async () => {
    const signal = AbortSignal.timeout(300);
    const stopped = await failure(callUpstreamTool(upstream.tool('hang'), lease, {}, { signal }));
    expect(stopped.code).toBe('deadline_exceeded');
    await expect.poll(async () => (await call('cancelled')).structured).toEqual({ cancelled: ['hang'] });
  });

  test('tells how far a call has come, in texts without invisible characters', async () => {
    const updates: Progress[] = [];
    const progress = (update: Progress): void => void updates.push(update);
    await callUpstreamTool(upstream.tool('progress'), lease, {}, { progress });
    expect(updates).toEqual(
      [1, 2, 3].map((step) => ({ progress: step, total: 3, message: `step ${String(step)} of ann@example.com` })),
    );
  });

  test('is refused what it asks of the caller', async () => {
    expect((await failure(call('ask'))).code).toBe('backend_rejected');
  });

  test('has invisible characters taken out of what it says, and those that belong to what is seen left', async () => {
    expect(textOf(await call('invisible'))).toBe('abcd[31m 👩‍🔬');
  });

  test('must keep what its pinned output schema promises', async () => {
    expect((await failure(call('wrong'))).code).toBe('backend_failed');
    const change = upstream.tool('wrong', { readOnly: false });
    expect((await failure(callUpstreamTool(change, lease))).code).toBe('outcome_unknown');
  });

  test('has one changed word in the description of a tool hide that tool until it is pinned again', async () => {
    const echo = upstream.tool('echo');
    await callUpstreamTool(echo, lease, { value: 'x' });
    await call('reword', { words: 'Says again what it is told.' });
    await expect.poll(() => echo.available?.()).toBe(false);
    expect(upstream.changes).toEqual([{ backend: 'upstream', tools: [{ name: 'echo', change: 'changed' }] }]);
    const error = await failure(callUpstreamTool(echo, lease, { value: 'x' }));
    expect(error.code).toBe('backend_rejected');
    expect(error.detail).toContain('sallyport pin upstream');
    expect(upstream.tool('environment').available?.()).toBe(true);
    expect((await call('environment')).isError).toBe(false);
    // It is not seen again because it says again what it said: somebody has to look.
    await call('reword', { words: 'Says back what it is told.' });
    await delay(500);
    expect(echo.available?.()).toBe(false);
    await upstream.pin();
    expect(upstream.tool('echo').available?.()).toBe(true);
    expect((await call('echo', { value: 'x' })).structured).toEqual({ value: 'x' });
  });

  test('serves its own lease alone, and dies with it, and with it all that it has started', async () => {
    await using other = upstream.lease();
    const { structured } = await call('environment', {}, other);
    const started = await call('spawn', {}, other);
    const pids = [structured?.['pid'], started.structured?.['pid']] as number[];
    expect((await call('environment')).structured?.['pid']).not.toBe(pids[0]);
    expect(pids.map(isAlive)).toEqual([true, true]);
    await other[Symbol.asyncDispose]();
    await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
  });

  test('is started again after it has ended, and not at once when it ends again and again', async () => {
    expect(await failure(call('exit'))).toMatchObject({
      code: 'backend_failed',
      detail: 'exit: the child process ended: exit code 7',
    });
    // Of a change nobody knows what became of it.
    const change = upstream.tool('exit', { readOnly: false });
    await using other = upstream.lease();
    expect((await failure(callUpstreamTool(change, other))).code).toBe('outcome_unknown');
    expect(await failure(call('echo', { value: 'x' }, other))).toMatchObject({
      code: 'backend_unavailable',
      detail: expect.stringContaining('started again in') as string,
    });
    await delay(300);
    expect((await call('echo', { value: 'x' }, other)).structured).toEqual({ value: 'x' });
  });
});

test('no child outlives a broker that is killed with -9', async () => {
  const holder = spawn(process.execPath, [join(import.meta.dirname, '../../support/upstream-holder.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(holder.stdout, 'data')) as [Buffer];
  const pids = JSON.parse(line.toString()) as number[];
  expect(pids.map(isAlive)).toEqual([true, true]);
  holder.kill('SIGKILL');
  await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
});

describe('an upstream that lies', () => {
  async function liar(how: string): Promise<TestUpstream> {
    return openUpstream({ command: serverCommand('lying-upstream.ts', how) });
  }

  test.each([
    ['another id', 'answered a request that was not made'],
    ['giant', 'a message of more than 32 MiB'],
    ['many values', 'with more than 500000 values'],
    ['endless', 'without end'],
    ['noise', 'without end'],
    ['deep', 'nested too deep'],
    ['dies', 'the child process ended'],
  ])('by %s ends with its connection, and says why', async (how, why) => {
    await using upstream = await liar(how);
    const lease = upstream.lease();
    const error = await failure(callUpstreamTool(upstream.tool('say'), lease, { value: 'x' }));
    expect(error).toMatchObject({ code: 'backend_failed', detail: expect.stringContaining(why) as string });
  });

  test('by answering twice is cut off after the first answer', async () => {
    await using upstream = await liar('twice');
    const lease = upstream.lease();
    const say = upstream.tool('say');
    expect(textOf(await callUpstreamTool(say, lease, { value: 'x' }))).toBe('x');
    await expect
      .poll(async () => (await failure(callUpstreamTool(say, lease, { value: 'y' }))).code)
      .toBe('backend_unavailable');
  });

  test('by giving what is no result is not believed', async () => {
    await using upstream = await liar('no result');
    expect((await failure(callUpstreamTool(upstream.tool('say'), upstream.lease(), { value: 'x' }))).code).toBe(
      'backend_failed',
    );
  });

  test('by swapping the answers of one session cannot give them to another', async () => {
    await using upstream = await liar('swapped');
    const say = upstream.tool('say');
    const [ann, bob] = [upstream.lease(), upstream.lease()];
    const told = await Promise.all(
      [
        [ann, 'a1'],
        [ann, 'a2'],
        [bob, 'b1'],
        [bob, 'b2'],
      ].map(async ([lease, value]) =>
        textOf(await callUpstreamTool(say, lease as typeof ann, { value: value as string })),
      ),
    );
    expect(told).toEqual(['a2', 'a1', 'b2', 'b1']);
  });

  test('by silence holds its own calls alone, until their deadline', async () => {
    await using upstream = await liar('silent');
    const error = await failure(
      callUpstreamTool(upstream.tool('say'), upstream.lease(), { value: 'x' }, { timeoutMs: 300 }),
    );
    expect(error.code).toBe('deadline_exceeded');
  });

  test('by ending at the first question of the 2026 era is asked in the 2025 era', async () => {
    await using upstream = await liar('dies at discover');
    expect(textOf(await callUpstreamTool(upstream.tool('say'), upstream.lease(), { value: 'x' }))).toBe('x');
  });

  test('by offering a second tool of the same name has both hidden', async () => {
    await using upstream = await liar('honest');
    const say = upstream.tool('say');
    await callUpstreamTool(say, upstream.lease(), { value: 'x' });
    await using shadowing = await liar('shadows');
    const shadowed = shadowing.tool('say');
    const error = await failure(callUpstreamTool(shadowed, shadowing.lease(), { value: 'x' }));
    expect(error.detail).toContain('(shadowing)');
    expect(shadowed.available?.()).toBe(false);
  });

  test('by never answering at all is given up, and ended', async () => {
    const [file = '', ...args] = serverCommand('lying-upstream.ts', 'silent from the start');
    const transport = new WatchedStdioTransport({ file, args, directory: process.cwd(), env: {} });
    await expect(UpstreamConnection.open(() => transport, AbortSignal.timeout(500))).rejects.toThrow();
    expect(transport.pid).toBeDefined();
    expect(isAlive(transport.pid ?? 0)).toBe(false);
  });
});
