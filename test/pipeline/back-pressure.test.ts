// A store that does not keep up: what waits for it is bounded, and whoever comes on top of that is told at once.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { STORE_QUEUE_MAX_BYTES } from '../../src/core/limits.ts';
import { principal, startPipeline } from '../support/pipeline.ts';

const CALLERS = 6;
const CALLS_EACH = 25;
const text = 'x'.repeat(700_000);

test(
  'calls above what may wait are refused at once, in words to try again, and the queue stays bounded',
  { timeout: 60_000 },
  async () => {
    await using pipeline = await startPipeline({ readOnly: true });
    const callers = Array.from({ length: CALLERS }, (_, index) => principal(`robot-${index}`));
    // Each has its session before the store is held up.
    for (const caller of callers) await pipeline.broker.invoke(pipeline.call({ principal: caller }));
    const reached = pipeline.backendCalls.length;

    const other = new DatabaseSync(join(pipeline.directory, 'store.db'));
    other.exec('begin immediate');
    const started = performance.now();
    const replies = await Promise.all(
      callers.flatMap((caller) =>
        Array.from({ length: CALLS_EACH }, async () => {
          const reply = await pipeline.broker.invoke(pipeline.call({ principal: caller, arguments: { text } }));
          return { reply, ms: performance.now() - started };
        }),
      ),
    );
    other.exec('rollback');
    other.close();

    for (const { reply } of replies) {
      expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'log_unavailable' } });
      expect(reply).toMatchObject({ refusal: { words: expect.stringContaining('Try again in a minute') as string } });
    }
    const atOnce = replies.filter(({ reply }) => 'refusal' in reply && reply.refusal.detail?.includes('queue is full'));
    expect(atOnce.length).toBeGreaterThanOrEqual(CALLERS * CALLS_EACH - Math.ceil(STORE_QUEUE_MAX_BYTES / text.length));
    expect(atOnce.length).toBeLessThan(CALLERS * CALLS_EACH);
    // Those were told before the first of the others gave up.
    const firstGivenUp = Math.min(...replies.filter((reply) => !atOnce.includes(reply)).map(({ ms }) => ms));
    expect(Math.max(...atOnce.map(({ ms }) => ms))).toBeLessThan(firstGivenUp);
    expect(pipeline.backendCalls.length).toBe(reached);

    // What was given up is not made later, and the next call goes through.
    await expect
      .poll(() => pipeline.broker.invoke(pipeline.call({ principal: callers[0]! })), { timeout: 10_000 })
      .toMatchObject({ kind: 'result' });
    expect(pipeline.backendCalls.length).toBe(reached + 1);
  },
);
