// Each port × {throws, hangs, gives garbage}, and a caller who leaves: whatever fails, the doors hold.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Ports } from '../../src/broker.ts';
import type { Reply } from '../../src/core/broker.ts';
import { BackendError, CredentialError, StoreError, WithheldError } from '../../src/core/errors.ts';
import { LOG_HANG_MS } from '../../src/core/limits.ts';
import { CANARY, startPipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';

const hangs = (): Promise<never> => new Promise(() => undefined);
const throws = (error: unknown) => (): never => {
  throw error;
};
const rejects = (error: Error) => () => Promise.reject(error);
const fault = new Error(`a fault that quotes ${CANARY}`);

interface Row {
  readonly port: string;
  readonly how: string;
  readonly options: PipelineOptions;
  /** Codes of the refusal that are right; `result` where the fault must not be seen. */
  readonly code: string;
  /** The fault is a log that never answers. */
  readonly slow?: boolean;
}

const log = (part: Partial<Ports['log']>) => (ports: Ports) => ({ log: { ...ports.log, ...part } });
/** The log works until the outcome is due. */
const outcomeFails = (fail: () => Promise<never>) => (ports: Ports) => ({
  log: {
    ...ports.log,
    append: (...args: Parameters<Ports['log']['append']>) =>
      args[0].some(({ body }) => body.type === 'outcome') ? fail() : ports.log.append(...args),
  },
});
const leases = (acquire: unknown) => (ports: Ports) => ({
  leases: Object.assign(Object.create(ports.leases) as Ports['leases'], { acquire }),
});
const sessions = (current: () => Promise<never>) => () => ({ sessions: { current } });
const mask = (apply: unknown) =>
  ({ apply, asked: [], words: (said: unknown) => said, describe: () => [] }) as Exclude<
    PipelineOptions['mask'],
    undefined
  >;
const realTimeout = setTimeout;
const quick = { timeoutMs: 50 };

const MATRIX: readonly Row[] = [
  { port: 'sessions', how: 'throws', options: { faults: sessions(rejects(fault)) }, code: 'log_unavailable' },
  { port: 'sessions', how: 'hangs', options: { faults: sessions(hangs) }, code: 'log_unavailable', slow: true },
  { port: 'intent', how: 'throws', options: { faults: log({ intent: rejects(fault) }) }, code: 'log_unavailable' },
  {
    port: 'intent',
    how: 'says it could not write',
    options: { faults: log({ intent: rejects(new StoreError('the disk is full')) }) },
    code: 'log_unavailable',
  },
  { port: 'intent', how: 'hangs', options: { faults: log({ intent: hangs }) }, code: 'log_unavailable', slow: true },
  {
    port: 'intent',
    how: 'gives garbage',
    options: { faults: log({ intent: (async () => ({ seq: 1 })) as unknown as Ports['log']['intent'] }) },
    code: 'log_unavailable',
  },
  {
    port: 'outcome',
    how: 'throws',
    options: { faults: outcomeFails(rejects(fault)) },
    code: 'outcome_unrecorded',
  },
  {
    port: 'outcome',
    how: 'says it could not write',
    options: { faults: outcomeFails(rejects(new StoreError('the disk is full'))) },
    code: 'outcome_unrecorded',
  },
  { port: 'outcome', how: 'hangs', options: { faults: outcomeFails(hangs) }, code: 'outcome_unrecorded', slow: true },
  { port: 'leases', how: 'throws', options: { faults: leases(rejects(fault)) }, code: 'credential_unavailable' },
  {
    port: 'leases',
    how: 'says there is no credential',
    options: { faults: leases(rejects(new CredentialError('too_many_leases', 'sixteen are in use'))) },
    code: 'too_many_leases',
  },
  { port: 'leases', how: 'hangs', options: { ...quick, faults: leases(hangs) }, code: 'deadline_exceeded' },
  {
    port: 'leases',
    how: 'gives garbage',
    options: { faults: leases(async () => undefined) },
    code: 'credential_unavailable',
  },
  { port: 'backend', how: 'throws', options: { answer: throws(fault) }, code: 'outcome_unknown' },
  { port: 'backend', how: 'throws (read-only)', options: { readOnly: true, answer: throws(fault) }, code: 'internal' },
  {
    port: 'backend',
    how: 'says it rejected the call',
    options: { answer: throws(new BackendError('backend_rejected', 'constraint "orders_pkey"')) },
    code: 'backend_rejected',
  },
  { port: 'backend', how: 'hangs', options: { ...quick, answer: hangs }, code: 'outcome_unknown' },
  {
    port: 'backend',
    how: 'hangs (read-only)',
    options: { ...quick, readOnly: true, answer: hangs },
    code: 'deadline_exceeded',
  },
  { port: 'backend', how: 'gives garbage', options: { answer: () => CANARY as never }, code: 'result_withheld' },
  { port: 'backend', how: 'gives nothing', options: { answer: () => undefined as never }, code: 'result_withheld' },
  { port: 'mask', how: 'throws', options: { mask: mask(throws(fault)) }, code: 'result_withheld' },
  {
    port: 'mask',
    how: 'is in doubt',
    options: { mask: mask(throws(new WithheldError('too deep'))) },
    code: 'result_withheld',
  },
  { port: 'mask', how: 'gives garbage', options: { mask: mask(() => ({ content: CANARY })) }, code: 'result_withheld' },
];

describe('whatever never answers, the doors hold', () => {
  afterEach(() => void vi.useRealTimers());

  test.each(MATRIX.filter(({ slow }) => slow === true))('$port $how', async ({ options, code }) => {
    await using pipeline = await startPipeline(options);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const replying = pipeline.broker.invoke(pipeline.call({ arguments: { password: CANARY } }));
    await passTime(replying);
    const reply = await replying;
    vi.useRealTimers();
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code } });
    await doorsHold(pipeline, reply);
  });
});

// Most of them wait for something.
describe.concurrent('whatever fails, the doors hold', () => {
  test.each(MATRIX.filter(({ slow }) => slow !== true))('$port $how', async ({ options, code }) => {
    await using pipeline = await startPipeline(options);
    const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { password: CANARY } }));
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code } });
    await doorsHold(pipeline, reply);
  });

  test('the caller leaves while the lease is made', async () => {
    const gone = new AbortController();
    await using pipeline = await startPipeline({
      faults: leases(() => {
        gone.abort();
        return hangs();
      }),
    });
    const reply = await pipeline.broker.invoke(pipeline.call({ signal: gone.signal }));
    expect(reply).toMatchObject({ refusal: { code: 'cancelled' } });
    await doorsHold(pipeline, reply);
  });

  test('the caller leaves while the backend works, and the lease that came too late is given back', async () => {
    const gone = new AbortController();
    await using pipeline = await startPipeline({
      answer: ({ signal }) => {
        gone.abort();
        return new Promise((_resolve, reject) => {
          const stop = (): void => reject(new BackendError('cancelled', 'the server confirmed it'));
          if (signal.aborted) stop();
          else signal.addEventListener('abort', stop);
        });
      },
    });
    const reply = await pipeline.broker.invoke(pipeline.call({ signal: gone.signal }));
    expect(reply).toMatchObject({ refusal: { code: 'cancelled' } });
    await doorsHold(pipeline, reply);
  });

  test('an outcome that could not be written is written as soon as the log is back', async ({ expect }) => {
    let down = true;
    await using pipeline = await startPipeline({
      faults: (ports) => ({
        log: {
          ...ports.log,
          append: async (entries, statements) => {
            if (down) throw new StoreError('the disk is full');
            return ports.log.append(entries, statements);
          },
        },
      }),
    });
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ refusal: { code: 'outcome_unrecorded' } });
    down = false;
    await expect
      .poll(async () => (await pipeline.entries()).at(-1)?.['code'], { timeout: 5_000 })
      .toBe('outcome_unrecorded');
    expect((await pipeline.entries()).at(-1)).toMatchObject({ type: 'outcome', outcome: 'withheld' });
  });

  test('an intent that was kept after all is ended, and an identical call runs', async () => {
    let answers = 0;
    await using pipeline = await startPipeline({
      faults: (ports) => ({
        log: {
          ...ports.log,
          intent: async (...args) => {
            const intent = await ports.log.intent(...args);
            if (++answers === 1) throw new StoreError('the answer was lost');
            return intent;
          },
        },
      }),
    });
    const first = await pipeline.broker.invoke(pipeline.call());
    expect(first).toMatchObject({ refusal: { code: 'log_unavailable' } });
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
    expect(pipeline.backendCalls).toHaveLength(1);
    const ended = (await pipeline.entries()).find(({ type }) => type === 'outcome');
    expect(ended).toMatchObject({ invocation: first.invocation, outcome: 'failed', code: 'log_unavailable' });
  });

  test('a result that cannot be written is withheld, and the log says so', async ({ expect }) => {
    await using pipeline = await startPipeline({ answer: () => ({ structured: { half: '\ud800' } }) });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ refusal: { code: 'outcome_unrecorded' } });
    await expect
      .poll(async () => (await pipeline.entries()).at(-1), { timeout: 5_000 })
      .toMatchObject({ type: 'outcome', outcome: 'withheld' });
  });
});

/** Moves the held clock until the call has been answered; the store's thread needs real time in between. */
async function passTime(replying: Promise<Reply>): Promise<void> {
  const answered = replying.then(
    () => true,
    () => true,
  );
  const aWhile = async (): Promise<false> => {
    await new Promise((resolve) => realTimeout(resolve, 5));
    return false;
  };
  while (!(await Promise.race([answered, aWhile()]))) await vi.advanceTimersByTimeAsync(LOG_HANG_MS / 100);
}

async function doorsHold(pipeline: Pipeline, reply: Reply): Promise<void> {
  const entries = await pipeline.entries();
  const has = (type: string): boolean =>
    entries.some((entry) => entry.type === type && entry.invocation === reply.invocation);
  if (pipeline.backendCalls.length > 0) expect(has('intent'), 'a backend call without an intent').toBe(true);
  if (reply.kind === 'result') expect(has('outcome'), 'a result without an outcome').toBe(true);
  expect(pipeline.leases.held, 'leases that nobody gave back').toBe(0);
  expect(JSON.stringify(reply), 'the reply').not.toContain(CANARY);
  expect(pipeline.said.join('\n'), 'the process log').not.toContain(CANARY);
  for (const file of readdirSync(pipeline.directory).filter((name) => name.startsWith('store.db'))) {
    expect(readFileSync(join(pipeline.directory, file)).includes(CANARY), file).toBe(false);
  }
}
