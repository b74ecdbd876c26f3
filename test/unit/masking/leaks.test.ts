// Nothing leaks: results with planted values, through every exit. 100,000 of them with SALLYPORT_SLOW_TESTS=1, a share always.
import { describe, expect, test, vi } from 'vitest';
import { WithheldError } from '../../../src/core/errors.ts';
import { recordOf } from '../../../src/masking/recorded.ts';
import { startPipeline } from '../../support/pipeline.ts';
import { leakIn, plant } from '../../support/planted-leaks.ts';
import { compileMasks, looseTokens } from './support.ts';

const SLOW = process.env['SALLYPORT_SLOW_TESTS'] === '1';
const RESULTS = SLOW ? 100_000 : 3_000;
const THROUGH_THE_PIPELINE = SLOW ? 500 : 60;

vi.setConfig({ testTimeout: 600_000 });

/** What leaves; where it is withheld, what is said of that. */
function leaving<Left>(leave: () => Left): Left | string {
  try {
    return leave();
  } catch (error) {
    if (!(error instanceof WithheldError)) throw error;
    return `${error.detail} ${error.message}`;
  }
}

describe('nothing that was planted leaves', () => {
  test(`in ${String(RESULTS)} results`, () => {
    const totals = { canaries: 0, withheld: 0 };
    const kinds = new Set<string>();
    for (let seed = 1; seed <= RESULTS; seed++) {
      const planted = plant(seed);
      const mask = compileMasks(...planted.masks);
      const left = leaving(() => mask.apply(planted.answer, looseTokens));
      const message = { content: [{ type: 'text', text: JSON.stringify(planted.answer.structured ?? {}) }] };
      const said = planted.answer.structured ?? {};
      const exits: Record<string, unknown> = {
        answer: left,
        record: typeof left === 'string' ? left : recordOf(left),
        progress: leaving(() => mask.apply(message, looseTokens)),
        'error text': leaving(() => mask.apply({ ...message, isError: true }, looseTokens)),
        // Paths say nothing about what was said before any call.
        ...(planted.kinds.includes('at a path') ? {} : { definition: leaving(() => mask.words(said)) }),
      };
      totals.canaries += planted.canaries.length;
      if (typeof left === 'string') totals.withheld++;
      for (const kind of planted.kinds) kinds.add(kind);
      for (const [exit, left] of Object.entries(exits)) {
        const leak = leakIn(JSON.stringify(left), planted.canaries);
        if (leak !== undefined) expect.fail(`seed ${String(seed)}: ${leak} left by ${exit}: ${JSON.stringify(left)}`);
      }
    }
    if (SLOW)
      console.log(`${String(RESULTS)} results, ${JSON.stringify(totals)}, ${String(kinds.size)} kinds: no leak`);
    expect(totals.withheld).toBeLessThan(RESULTS / 2);
    expect(totals.canaries).toBeGreaterThan(RESULTS);
    expect(kinds.size).toBeGreaterThan(100);
  });

  test(`in ${String(THROUGH_THE_PIPELINE)} calls, nor do log, payloads, process log and metrics hold it`, async () => {
    const canaries: string[] = [];
    let answer: Parameters<ReturnType<typeof compileMasks>['apply']>[0] = {};
    let mask = compileMasks();
    await using pipeline = await startPipeline({
      answer: () => answer,
      mask: {
        ...mask,
        apply: (...given) => mask.apply(...given),
        get asked() {
          return mask.asked;
        },
      },
    });
    for (let seed = 1; seed <= THROUGH_THE_PIPELINE; seed++) {
      const planted = plant(seed);
      ({ answer } = planted);
      mask = compileMasks(...planted.masks);
      canaries.push(...planted.canaries);
      const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { seed } }));
      const leak = leakIn(JSON.stringify(reply), planted.canaries);
      if (leak !== undefined) expect.fail(`seed ${String(seed)}: ${leak} left in ${JSON.stringify(reply)}`);
      reply.delivered();
    }
    const kept = JSON.stringify([await pipeline.entries(), pipeline.said, pipeline.metrics.text([])]);
    expect(leakIn(kept, canaries)).toBeUndefined();
    expect(pipeline.metrics.text([])).toContain('sallyport_mask_disagreements_total 0');
  });
});
