// The look ahead of a call that a person is asked about: it passes the doors too, and nobody is asked where it cannot be written.
import { expect, it } from 'vitest';
import { BackendError, StoreError } from '../../src/core/errors.ts';
import type { Tool, ToolCall } from '../../src/core/tool.ts';
import { CANARY, principal, rule, startPipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';
import { finance } from '../support/waiting-approval.ts';

const rules = [rule('require_approval', { approval: finance })];
const impatient = { patience: { ms: 5_000, comesBack: false } };
const finn = { issuer: 'https://issuer.example', subject: 'finn', name: 'Finn', groups: ['finance'] };

function withPreview(look: (call: ToolCall) => Promise<object> | object): NonNullable<PipelineOptions['tool']> {
  return (tool): Tool => ({
    ...tool,
    preview: {
      ...tool,
      annotations: { ...tool.annotations, readOnly: true },
      timeoutMs: 1_000,
      call: async (call) => ({ structured: (await look(call)) as { found: number } }),
    },
  });
}

async function types(pipeline: Pipeline): Promise<string[]> {
  return (await pipeline.entries()).map(({ type }) => type);
}

async function pending(pipeline: Pipeline) {
  return pipeline.approvals.list({ state: 'pending', limit: 9 });
}

it('is made once, under its own lease, before anybody is asked; its result is masked and reaches the agent in no way', async () => {
  const looks: ToolCall[] = [];
  const tool = withPreview((call) => {
    looks.push(call);
    return { found: 3, secret: CANARY };
  });
  await using pipeline = await startPipeline({ rules, tool });
  const first = await pipeline.broker.invoke(pipeline.call(impatient));
  const second = await pipeline.broker.invoke(pipeline.call(impatient));
  expect(looks).toHaveLength(1);
  expect(looks[0]?.lease?.id).toBe('lease-1');
  expect(pipeline.backendCalls).toHaveLength(0);
  expect(await types(pipeline)).toEqual(['intent', 'outcome', 'approval.requested', 'refused', 'refused']);
  expect(JSON.stringify([first, second])).not.toMatch(/found|canary/);
  const [outcome] = (await pipeline.entries()).filter(({ type }) => type === 'outcome');
  expect(outcome?.['masked']).toEqual({ '$.secret': 1 });
  expect(pipeline.leases.held).toBe(0);

  const [approval] = await pending(pipeline);
  await pipeline.reviews.review(approval!.id, { person: finn, verdict: 'approve', reason: undefined });
  expect(await pipeline.broker.invoke(pipeline.call(impatient))).toMatchObject({ kind: 'result' });
  expect(looks).toHaveLength(1);
  expect(pipeline.backendCalls).toHaveLength(1);
});

it('keeps nobody from being asked where it fails, hangs or cannot be masked', async () => {
  const looks = [
    () => Promise.reject(new BackendError('backend_failed', 'no')),
    () => new Promise<never>(() => undefined),
    () => [] as object,
  ];
  for (const look of looks) {
    await using pipeline = await startPipeline({ rules, tool: withPreview(look) });
    expect(await pipeline.broker.invoke(pipeline.call(impatient))).toMatchObject({
      kind: 'refusal',
      refusal: { code: 'approval_pending' },
    });
    expect(await pending(pipeline)).toHaveLength(1);
    expect((await pipeline.entries()).find(({ type }) => type === 'outcome')?.['code']).toBeDefined();
    expect(pipeline.leases.held).toBe(0);
  }
});

it('is not made, and nobody is asked, where its intent cannot be written', async () => {
  let looked = 0;
  const tool = withPreview(() => ({ found: (looked += 1) }));
  await using pipeline = await startPipeline({
    rules,
    tool,
    faults: ({ log }) => ({ log: { ...log, intent: () => Promise.reject(new StoreError('the disk is full')) } }),
  });
  expect(await pipeline.broker.invoke(pipeline.call(impatient))).toMatchObject({
    refusal: { code: 'log_unavailable' },
  });
  expect(looked).toBe(0);
  expect(await pending(pipeline)).toHaveLength(0);
});

it('is stopped with the call that is withdrawn meanwhile, and nobody is asked', async () => {
  const caller = new AbortController();
  const tool = withPreview(() => {
    caller.abort();
    return new Promise<never>(() => undefined);
  });
  await using pipeline = await startPipeline({ rules, tool });
  const reply = await pipeline.broker.invoke(pipeline.call({ ...impatient, signal: caller.signal }));
  expect(reply).toMatchObject({ refusal: { code: 'cancelled' } });
  expect(await pending(pipeline)).toHaveLength(0);
});

it('is not made for a principal that may ask no more', async () => {
  let looked = 0;
  const tool = withPreview(() => ({ found: (looked += 1) }));
  await using pipeline = await startPipeline({ rules, tool });
  const flood = principal('flood');
  const short = { principal: flood, patience: { ms: 5_000, comesBack: false } };
  for (let nth = 0; nth < 21; nth += 1) await pipeline.broker.invoke(pipeline.call({ ...short, arguments: { nth } }));
  expect(looked).toBe(20);
});
