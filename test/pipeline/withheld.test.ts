// A result that cannot be shown safely: the agent gets its id, and the log says why.
import { describe, expect, test } from 'vitest';
import { BackendError, REFUSALS } from '../../src/core/errors.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { Mask } from '../../src/core/tool.ts';
import { maskCompiler } from '../../src/masking/mask-compiler.ts';
import { CANARY, startPipeline } from '../support/pipeline.ts';

const compiler = maskCompiler({ hashKey: new Uint8Array(32).fill(7) });

function compile(...masks: readonly unknown[]): Mask {
  return compiler.compile(
    masks.map((mask) => ({ declaration: compiler.declaration.parse(mask), report: () => undefined })),
  );
}

const secret = { path: '$..secret', with: 'redact' };
const padding = 'x'.repeat(5_000);
const nested = (levels: number): Json => (levels === 0 ? CANARY : JSON.stringify({ in: nested(levels - 1) }));
const deep = (levels: number): Json => (levels === 0 ? CANARY : [deep(levels - 1)]);
/** As though the walk had a fault: the second engine is asked about what it did not mask. */
const faulty: Mask = { ...compile(secret), asked: [{ text: '$..plain', asked: '$..plain' }] };

describe('a result is withheld', () => {
  test.each<[string, Mask, JsonObject | Json[], RegExp]>([
    ['where it is nested too deep', compile(secret), { rows: deep(70) }, /nested more than 64 deep/],
    ['where JSON stands in strings too deep', compile(secret), { rows: nested(6) }, /strings more than 4 deep/],
    ['where a string is broken JSON', compile(secret), { text: `{"secret": "${CANARY}"` }, /cannot be parsed/],
    [
      'where it is too large',
      compile(secret),
      { text: CANARY + 'x'.repeat(17_000_000) },
      /more than 16777216 characters/,
    ],
    [
      'where a path that must match does not',
      compile({ ...secret, mustMatch: true }),
      { se_cret: CANARY },
      /must match/,
    ],
    [
      'where a filter cannot be applied',
      compile({ path: '$[?match(@.t, @.p)]', with: 'redact' }),
      { a: { t: CANARY, p: '[' } },
      /could not be applied/,
    ],
    [
      'where a detector says so',
      compile({ detect: ['email'], with: 'withhold' }),
      { text: `${CANARY}@example.com` },
      /the detector email found/,
    ],
    ['where text cannot be addressed by paths', compile(secret), [{ type: 'text', text: CANARY }], /not JSON/],
    ['where it holds an image', compile(secret), [{ type: 'image', data: CANARY, mimeType: 'image/png' }], /an image/],
    [
      'where it needs too many tokens',
      compile({ path: '$.rows[*]', with: 'tokenize', class: 'x' }),
      { rows: Array.from({ length: 5_001 }, (_, row) => `${CANARY}${String(row)}`) },
      /5000 different tokens/,
    ],
    [
      'where another engine finds a raw value in a large one',
      faulty,
      { padding, plain: CANARY },
      /jsonpath-plus finds a raw value at \$\.\.plain/,
    ],
  ])('%s', async (_, mask, answer, why) => {
    await using pipeline = await startPipeline({
      mask,
      answer: () => (Array.isArray(answer) ? { content: answer } : { structured: answer }),
    });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'result_withheld' } });
    if (reply.kind !== 'refusal') return;
    expect(reply.refusal.words).toContain(`Its id is ${reply.invocation}`);
    expect(reply.refusal.words).not.toContain(CANARY);
    const entries = await pipeline.entries();
    expect(entries.find(({ type, invocation }) => type === 'outcome' && invocation === reply.invocation)).toMatchObject(
      {
        outcome: 'withheld',
        code: 'result_withheld',
        detail: expect.stringMatching(why) as string,
      },
    );
    expect(JSON.stringify([entries, pipeline.said])).not.toContain(CANARY);
    const line = mask === faulty ? 'sallyport_mask_disagreements_total 1' : 'sallyport_mask_disagreements_total 0';
    expect(pipeline.metrics.text([])).toContain(line);
    expect(pipeline.metrics.text([])).toContain('sallyport_calls_total{tool="touch",outcome="withheld"} 1');
    const told = entries.filter(({ type }) => type === 'mask.disagreement');
    expect(told).toEqual(
      mask === faulty ? [expect.objectContaining({ path: '$..plain', invocation: reply.invocation })] : [],
    );
  });
});

describe('what a tool kind says of an error', () => {
  const key = `AKIA${'A'.repeat(16)}`;
  const fail = (): never => {
    throw new BackendError('backend_failed', `the login ${key} of ada@example.com`, { words: `Not with ${key}.` });
  };

  test('passes the detectors, for the agent and for the log', async () => {
    await using pipeline = await startPipeline({
      mask: compile(secret, { detect: ['email'], with: 'mask' }),
      answer: fail,
    });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { words: 'Not with [secret].' } });
    const outcome = (await pipeline.entries()).at(-1);
    expect(outcome).toMatchObject({ type: 'outcome', detail: 'the login [secret] of [email]' });
    expect(pipeline.said.join()).not.toContain(key);
  });

  test('is withheld where a detector says so', async () => {
    await using pipeline = await startPipeline({
      mask: compile({ detect: ['email'], with: 'withhold' }),
      answer: fail,
    });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({
      kind: 'refusal',
      refusal: { code: 'backend_failed', words: REFUSALS.backend_failed.words },
    });
    expect(JSON.stringify([reply, await pipeline.entries(), pipeline.said])).not.toMatch(/AKIA|ada@/);
  });
});
