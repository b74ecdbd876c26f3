import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Approval, ApprovalRequirement, Person } from '../../src/core/approval.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { principal, rule, startPipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';

const requirement: ApprovalRequirement = {
  rule: 'test-require_approval',
  approvers: { groups: ['finance'], people: [] },
  quorum: 1,
  perGroup: {},
  expiresAfterMs: 60_000,
  reasonRequired: false,
  grant: { atMostMs: 60_000, uses: 3, same: ['customer'] },
};
const finn: Person = { issuer: 'https://issuer.example', subject: 'finn', name: 'Finn', groups: ['finance'] };

const start = (options: PipelineOptions = {}): Promise<Pipeline> =>
  startPipeline({ rules: [rule('require_approval', { approval: requirement })], ...options });

async function pending(pipeline: Pipeline): Promise<Approval> {
  await expect.poll(async () => (await pipeline.approvals.list({ state: 'pending', limit: 9 })).length).toBe(1);
  return (await pipeline.approvals.list({ state: 'pending', limit: 9 }))[0]!;
}

const give = (pipeline: Pipeline, id: string, forMs = 60_000, uses = 3, person = finn) =>
  pipeline.reviews.review(id, { person, verdict: 'approve', reason: undefined, grant: { forMs, uses } });

/** The reply of a call, delivered. */
async function call(pipeline: Pipeline, args: JsonObject, more: object = {}) {
  const reply = await pipeline.broker.invoke(pipeline.call({ arguments: args, sessionLabel: 'run', ...more }));
  reply.delivered();
  return reply;
}

/** Whether it has to ask a person, told by a caller that does not wait. */
async function asks(pipeline: Pipeline, args: JsonObject, more: object = {}): Promise<boolean> {
  const reply = await call(pipeline, args, { patience: { ms: 0, comesBack: false }, ...more });
  return reply.kind === 'refusal' && reply.refusal.code === 'approval_pending';
}

/** A first call that waits, and the grant that it gets. */
async function granted(pipeline: Pipeline, forMs?: number, uses?: number): Promise<string> {
  const first = call(pipeline, { customer: 1, amount: 10 });
  await give(pipeline, (await pending(pipeline)).id, forMs, uses);
  expect(await first).toMatchObject({ kind: 'result' });
  return (await pipeline.grants.grants({ running: false, limit: 9 }))[0]!.id;
}

const types = async (pipeline: Pipeline) => (await pipeline.entries()).map(({ type }) => type);

describe('access that is given for a while', () => {
  test('lets the call that asked run, and further ones with the same named arguments, as often as it says', async () => {
    await using pipeline = await start();
    const id = await granted(pipeline);
    expect(await call(pipeline, { customer: 1, amount: 20 })).toMatchObject({ kind: 'result' });
    expect(await call(pipeline, { customer: 1 })).toMatchObject({ kind: 'result' });
    expect(await asks(pipeline, { customer: 1, amount: 30 })).toBe(true);
    expect(pipeline.backendCalls).toHaveLength(3);
    expect(await types(pipeline)).toEqual([
      'approval.requested',
      'approval.reviewed',
      'grant.given',
      ...['intent', 'outcome', 'intent', 'outcome', 'intent', 'grant.ended', 'outcome'],
      ...['approval.requested', 'refused'],
    ]);
    expect((await pipeline.entries()).filter((entry) => entry['grant'] === id)).toHaveLength(5);
    expect(await pipeline.grants.grants({ running: true, limit: 9 })).toEqual([]);
  });

  test('covers no other arguments, principal or session', async () => {
    await using pipeline = await start();
    await granted(pipeline);
    expect(await asks(pipeline, { customer: 2 })).toBe(true);
    expect(await asks(pipeline, {})).toBe(true);
    expect(await asks(pipeline, { customer: 1 }, { principal: principal('other') })).toBe(true);
    expect(await asks(pipeline, { customer: 1 }, { sessionLabel: 'another' })).toBe(true);
    expect(await asks(pipeline, { customer: 1 })).toBe(false);
  });

  test('does not help where a rule denies', async () => {
    let closed = false;
    const closing = rule('deny', { id: 'closing-time', when: () => closed });
    await using pipeline = await start({ rules: [rule('require_approval', { approval: requirement }), closing] });
    await granted(pipeline);
    closed = true;
    expect(await call(pipeline, { customer: 1 })).toMatchObject({ refusal: { code: 'denied' } });
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('ends with its time', async () => {
    await using pipeline = await start();
    await granted(pipeline, 1_500);
    expect(await asks(pipeline, { customer: 1 })).toBe(false);
    await delay(1_500);
    expect(await asks(pipeline, { customer: 1, amount: 2 })).toBe(true);
    await pipeline.expireOverdue();
    expect((await pipeline.entries()).at(-1)).toMatchObject({ type: 'grant.ended', reason: 'expired' });
  });

  test('is used once by each of many calls at once, and never more often than it says', async () => {
    await using pipeline = await start();
    await granted(pipeline);
    const calls = Array.from({ length: 6 }, (_, amount) => asks(pipeline, { customer: 1, amount: 100 + amount }));
    expect((await Promise.all(calls)).filter((asked) => !asked)).toHaveLength(2);
    expect(pipeline.backendCalls).toHaveLength(3);
  });

  test('is taken back at once: running calls stop, and the next one asks', async () => {
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    await using pipeline = await start({
      answer: async ({ arguments: args, signal }) => {
        if (args['slow'] !== true) return { structured: {} };
        started();
        await delay(10_000, undefined, { signal });
        return { structured: {} };
      },
    });
    const id = await granted(pipeline);
    const slow = call(pipeline, { customer: 1, slow: true });
    await running;
    expect(await pipeline.grants.revoke(id, { ...finn, groups: [] })).toBe('not_an_approver');
    expect(await pipeline.grants.revoke(id, finn)).toBe('revoked');
    expect(await pipeline.grants.revoke(id, finn)).toBe('over');
    expect(await slow).toMatchObject({ kind: 'refusal' });
    expect((await pipeline.entries()).find(({ type }) => type === 'grant.ended')).toMatchObject({
      reason: 'revoked',
      person: { subject: 'finn' },
    });
    expect(await asks(pipeline, { customer: 1, amount: 1 })).toBe(true);
  });

  test('can be given within the limits of every deciding rule, and not otherwise', async () => {
    const narrow = { ...requirement, grant: { atMostMs: 10_000, uses: 5, same: [] } };
    const rules = [requirement, narrow].map((approval, index) =>
      rule('require_approval', { id: `rule-${String(index)}`, approval }),
    );
    await using pipeline = await start({ rules });
    const first = call(pipeline, { customer: 1 });
    const { id } = await pending(pipeline);
    expect(await give(pipeline, id, 10_001, 3)).toEqual({ refused: 'grant_too_wide' });
    expect(await give(pipeline, id, 10_000, 4)).toEqual({ refused: 'grant_too_wide' });
    expect(await give(pipeline, id, 0, 1)).toEqual({ refused: 'grant_too_wide' });
    expect(await give(pipeline, id, 10_000, 3)).toMatchObject({ approval: { state: 'used' } });
    expect(await first).toMatchObject({ kind: 'result' });

    const { grant: _, ...once } = requirement;
    await using strict = await start({ rules: [rules[0]!, rule('require_approval', { id: 'once', approval: once })] });
    const second = call(strict, { customer: 1 });
    const asked = await pending(strict);
    expect(await give(strict, asked.id)).toEqual({ refused: 'grant_too_wide' });
    await strict.reviews.review(asked.id, { person: finn, verdict: 'deny', reason: undefined });
    await second;
  });

  test('needs every approver to have meant it, and is the least of what they gave', async () => {
    const two = rule('require_approval', { approval: { ...requirement, quorum: 2 } });
    await using pipeline = await start({ rules: [two] });
    const first = call(pipeline, { customer: 1 });
    const { id } = await pending(pipeline);
    await give(pipeline, id, 60_000, 2);
    await give(pipeline, id, 30_000, 3, { ...finn, subject: 'frida' });
    await first;
    const [grant] = await pipeline.grants.grants({ running: true, limit: 9 });
    expect(grant).toMatchObject({ uses: 2, usesLeft: 1, expiresAt: grant!.givenAt + 30_000 });

    const once = call(pipeline, { customer: 2 });
    const next = await pending(pipeline);
    await give(pipeline, next.id);
    await pipeline.reviews.review(next.id, {
      person: { ...finn, subject: 'frida' },
      verdict: 'approve',
      reason: undefined,
    });
    expect(await once).toMatchObject({ kind: 'result' });
    expect(await pipeline.grants.grants({ running: true, limit: 9 })).toHaveLength(1);
  });
});
