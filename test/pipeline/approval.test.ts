import { describe, expect, test } from 'vitest';
import type { Approval, ApprovalRequirement, Person } from '../../src/core/approval.ts';
import { CancelledByCaller } from '../../src/core/cancelled.ts';
import { withJustification } from '../../src/policy/justification.ts';
import { principal, rule, startPipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';

const requirement: ApprovalRequirement = {
  rule: 'test-require_approval',
  approvers: { groups: ['finance'], people: [] },
  quorum: 1,
  perGroup: {},
  expiresAfterMs: 60_000,
  reasonRequired: false,
};
const asks = rule('require_approval', { approval: requirement });
const finn: Person = { issuer: 'https://issuer.example', subject: 'finn', name: 'Finn', groups: ['finance'] };
const fred: Person = { ...finn, subject: 'fred', name: 'Fred' };

async function start(options: PipelineOptions = {}): Promise<Pipeline> {
  return startPipeline({ rules: [asks], ...options });
}

async function pending(pipeline: Pipeline): Promise<Approval> {
  let found: readonly Approval[] = [];
  await expect
    .poll(async () => {
      found = await pipeline.approvals.list({ state: 'pending', limit: 10 });
      return found.length;
    })
    .toBe(1);
  return found[0]!;
}

const approve = (pipeline: Pipeline, id: string, person = finn) =>
  pipeline.reviews.review(id, { person, verdict: 'approve', reason: undefined });
const deny = (pipeline: Pipeline, id: string, reason?: string) =>
  pipeline.reviews.review(id, { person: finn, verdict: 'deny', reason });
const types = async (pipeline: Pipeline): Promise<readonly string[]> =>
  (await pipeline.entries()).map(({ type }) => type);

describe('a call that needs approval', () => {
  test('waits, runs once a person says yes, and the yes is used in the same commit as the intent', async () => {
    await using pipeline = await start();
    const replying = pipeline.broker.invoke(pipeline.call());
    const approval = await pending(pipeline);
    expect(pipeline.backendCalls).toHaveLength(0);
    await approve(pipeline, approval.id);
    expect(await replying).toMatchObject({ kind: 'result', result: { structured: { done: true } } });
    expect(await types(pipeline)).toEqual([
      'approval.requested',
      'approval.reviewed',
      'intent',
      'approval.used',
      'outcome',
    ]);
    const [used] = await pipeline.approvals.list({ limit: 1 });
    expect(used).toMatchObject({ state: 'used' });
  });

  test('is told who declined and why, and nothing runs', async () => {
    await using pipeline = await start();
    const replying = pipeline.broker.invoke(pipeline.call());
    await deny(pipeline, (await pending(pipeline)).id, 'not without a ticket');
    const reply = await replying;
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'approval_denied' } });
    expect(JSON.stringify(reply)).toContain('Finn declined this call and said: not without a ticket');
    expect(pipeline.backendCalls).toHaveLength(0);
  });

  test('asks anew after it has run and was delivered', async () => {
    await using pipeline = await start();
    const first = pipeline.broker.invoke(pipeline.call());
    await approve(pipeline, (await pending(pipeline)).id);
    (await first).delivered();
    const second = pipeline.broker.invoke(pipeline.call());
    const approval = await pending(pipeline);
    expect(pipeline.backendCalls).toHaveLength(1);
    await deny(pipeline, approval.id);
    await second;
  });

  test('gets the reply of its run, without asking again, where that was not delivered', async () => {
    await using pipeline = await start();
    const first = pipeline.broker.invoke(pipeline.call());
    await approve(pipeline, (await pending(pipeline)).id);
    await first;
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('is bound to its arguments and to its principal', async () => {
    await using pipeline = await start();
    const gone = new AbortController();
    const first = pipeline.broker.invoke(pipeline.call({ arguments: { amount: 10 }, signal: gone.signal }));
    await approve(pipeline, (await pending(pipeline)).id);
    await first;
    const others = [
      pipeline.call({ arguments: { amount: 11 }, signal: gone.signal }),
      pipeline.call({ arguments: { amount: 10 }, principal: principal('other'), signal: gone.signal }),
    ].map((call) => pipeline.broker.invoke(call));
    await expect.poll(async () => (await pipeline.approvals.list({ state: 'pending', limit: 9 })).length).toBe(2);
    expect(pipeline.backendCalls).toHaveLength(1);
    gone.abort(new Error('the caller went away'));
    await Promise.all(others);
  });

  test('opens one approval for identical calls; the newest takes the permit, the others are told so', async () => {
    await using pipeline = await start();
    const first = pipeline.broker.invoke(pipeline.call());
    const approval = await pending(pipeline);
    const second = pipeline.broker.invoke(pipeline.call());
    await expect.poll(async () => (await pipeline.approvals.find(approval.id))?.waiter).not.toBe(approval.waiter);
    await approve(pipeline, approval.id);
    const replies = await Promise.all([first, second]);
    expect(replies[1]).toMatchObject({ kind: 'result' });
    expect(replies[0]).toMatchObject({ refusal: { code: 'superseded' } });
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('is told to come back, with a state that counts the rounds, where the client does so by itself', async () => {
    await using pipeline = await start();
    let state: string | undefined;
    for (let round = 1; round <= 9; round++) {
      const patience = { ms: 5, comesBack: true, ...(state === undefined ? {} : { state }) };
      const reply = await pipeline.broker.invoke(pipeline.call({ patience }));
      expect(reply.kind).toBe('wait');
      if (reply.kind === 'wait') state = reply.state;
    }
    const last = await pipeline.broker.invoke(pipeline.call({ patience: { ms: 5, comesBack: true, state: state! } }));
    expect(last).toMatchObject({ kind: 'refusal', refusal: { code: 'approval_pending' } });
    expect(await pipeline.approvals.list({ limit: 9 })).toHaveLength(1);
    await approve(pipeline, (await pending(pipeline)).id);
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
  });

  test('answers before a client that does not come back gives up, and goes on with the next identical call', async () => {
    await using pipeline = await start({ timeoutMs: 1_000 });
    const reply = await pipeline.broker.invoke(pipeline.call({ patience: { ms: 1_050, comesBack: false } }));
    const approval = await pending(pipeline);
    expect(reply).toMatchObject({ refusal: { code: 'approval_pending' } });
    expect(JSON.stringify(reply)).toContain(approval.id);
    await approve(pipeline, approval.id);
    expect(pipeline.backendCalls).toHaveLength(0);
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
  });

  test('keeps its approval when the caller goes away, and withdraws it when the caller says so', async () => {
    await using pipeline = await start();
    const gone = new AbortController();
    const first = pipeline.broker.invoke(pipeline.call({ signal: gone.signal }));
    const approval = await pending(pipeline);
    gone.abort(new Error('the caller went away'));
    expect(await first).toMatchObject({ refusal: { code: 'cancelled' } });
    expect((await pending(pipeline)).id).toBe(approval.id);

    const cancelled = new AbortController();
    const second = pipeline.broker.invoke(pipeline.call({ signal: cancelled.signal }));
    await expect.poll(async () => (await pipeline.approvals.find(approval.id))?.waiter).not.toBe(approval.waiter);
    cancelled.abort(new CancelledByCaller());
    await second;
    expect(await pipeline.approvals.find(approval.id)).toMatchObject({ state: 'cancelled' });
  });

  test('does not run on a yes where by then a rule denies', async () => {
    let closed = false;
    const closing = rule('deny', { id: 'closing-time', when: () => closed });
    await using pipeline = await start({ rules: [asks, closing] });
    const replying = pipeline.broker.invoke(pipeline.call());
    const approval = await pending(pipeline);
    closed = true;
    await approve(pipeline, approval.id);
    expect(await replying).toMatchObject({ refusal: { code: 'denied' } });
    expect(pipeline.backendCalls).toHaveLength(0);
  });

  test('asks those, too, whom another rule names by the time the first have said yes', async () => {
    let late = false;
    const nightWatch = rule('require_approval', {
      id: 'at-night',
      approval: { ...requirement, rule: 'at-night', approvers: { groups: ['security'], people: [] } },
      when: () => late,
    });
    await using pipeline = await start({ rules: [asks, nightWatch] });
    const replying = pipeline.broker.invoke(pipeline.call());
    const { id } = await pending(pipeline);
    late = true;
    await approve(pipeline, id);
    const second = await pending(pipeline);
    expect(second.requirements.map((one) => one.rule)).toEqual(['test-require_approval', 'at-night']);
    expect(pipeline.backendCalls).toHaveLength(0);
    await deny(pipeline, second.id);
    expect(await replying).toMatchObject({ refusal: { code: 'approval_denied' } });
  });

  test('is refused where its principal has twenty that wait already', async () => {
    await using pipeline = await start();
    const gone = new AbortController();
    const waiting = Array.from({ length: 20 }, (_, n) =>
      pipeline.broker.invoke(pipeline.call({ arguments: { n }, signal: gone.signal })),
    );
    await expect.poll(async () => (await pipeline.approvals.list({ state: 'pending', limit: 99 })).length).toBe(20);
    const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { n: 21 } }));
    expect(reply).toMatchObject({ refusal: { code: 'too_many_approvals' } });
    gone.abort(new Error('the caller went away'));
    await Promise.all(waiting);
  });

  test('never makes more than twenty wait, however many are made in the same moment', async () => {
    await using pipeline = await start();
    const gone = new AbortController();
    const made = Array.from({ length: 30 }, (_, n) =>
      pipeline.broker.invoke(pipeline.call({ arguments: { n }, signal: gone.signal })),
    );
    const refused = new Set<number>();
    made.forEach((reply, n) => void reply.then(() => refused.add(n)));
    await expect.poll(() => refused.size).toBe(10);
    expect(await pipeline.approvals.list({ state: 'pending', limit: 99 })).toHaveLength(20);
    gone.abort(new Error('the caller went away'));
    await Promise.all(made);
  });
});

describe('a call whose approver wants to know why it is made', () => {
  const wantsToKnow: PipelineOptions = {
    rules: [rule('require_approval', { approval: { ...requirement, justificationRequired: true } })],
    tool: withJustification,
  };

  test('is refused without a justification, in words that say what to do', async () => {
    await using pipeline = await start(wantsToKnow);
    for (const args of [{ amount: 1 }, { amount: 1, justification: '  ' }]) {
      const reply = await pipeline.broker.invoke(pipeline.call({ arguments: args }));
      expect(reply).toMatchObject({ refusal: { code: 'justification_missing' } });
      expect(JSON.stringify(reply)).toContain('`justification`');
    }
    expect(await types(pipeline)).toEqual(['refused', 'refused']);
    const number = await pipeline.broker.invoke(pipeline.call({ arguments: { justification: 1 } }));
    expect(number).toMatchObject({ refusal: { code: 'invalid_arguments' } });
  });

  test('waits with it, says it to the approver, and keeps it from backend and digest', async () => {
    await using pipeline = await start(wantsToKnow);
    const say = (justification: string) =>
      pipeline.broker.invoke(pipeline.call({ arguments: { amount: 1, justification } }));
    const first = say('the parcel was lost');
    const { id, invocation, waiter } = await pending(pipeline);
    const again = say('as I said, the parcel was lost');
    await expect.poll(async () => (await pipeline.approvals.find(id))?.waiter).not.toBe(waiter);
    await approve(pipeline, id);
    expect(await again).toMatchObject({ kind: 'result' });
    await first;
    expect(pipeline.backendCalls.map((call) => call.arguments)).toEqual([{ amount: 1 }]);
    expect(await pipeline.requested(invocation)).toMatchObject({
      arguments: { amount: 1 },
      justification: 'the parcel was lost',
    });
  });
});

describe('a review', () => {
  test('of one’s own call, of somebody outside the group, and a second one do not count', async () => {
    await using pipeline = await start({
      rules: [rule('require_approval', { approval: { ...requirement, quorum: 2 } })],
    });
    const gone = new AbortController();
    const replying = pipeline.broker.invoke(pipeline.call({ signal: gone.signal }));
    const { id } = await pending(pipeline);
    expect(await approve(pipeline, id, { ...finn, subject: 'robot' })).toEqual({ refused: 'own_call' });
    expect(await approve(pipeline, id, { ...finn, subject: 'support-agent' })).toEqual({ refused: 'own_call' });
    expect(await approve(pipeline, id, { ...finn, groups: ['support'] })).toEqual({ refused: 'not_an_approver' });
    expect(await approve(pipeline, id)).toMatchObject({ approval: { state: 'pending' } });
    expect(await approve(pipeline, id)).toEqual({ refused: 'already_reviewed' });
    expect(pipeline.backendCalls).toHaveLength(0);
    expect(await approve(pipeline, id, fred)).toMatchObject({ approval: { state: 'approved' } });
    expect(await replying).toMatchObject({ kind: 'result' });
    expect(await approve(pipeline, id, { ...fred, subject: 'frida' })).toEqual({ refused: 'over' });
  });

  test('by two people in the same moment gives one use', async () => {
    await using pipeline = await start();
    const replying = pipeline.broker.invoke(pipeline.call());
    const { id } = await pending(pipeline);
    const reviews = await Promise.all([approve(pipeline, id), approve(pipeline, id, fred)]);
    expect(reviews.filter((one) => 'approval' in one)).toHaveLength(1);
    expect(await replying).toMatchObject({ kind: 'result' });
    expect((await types(pipeline)).filter((type) => type === 'approval.used')).toHaveLength(1);
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('by each of the two people it takes, in the same moment, lets the call run', async () => {
    await using pipeline = await start({
      rules: [rule('require_approval', { approval: { ...requirement, quorum: 2 } })],
    });
    const replying = pipeline.broker.invoke(pipeline.call());
    const { id } = await pending(pipeline);
    await Promise.all([approve(pipeline, id), approve(pipeline, id, fred)]);
    expect(await pipeline.approvals.find(id)).toMatchObject({ state: expect.stringMatching(/^(approved|used)$/) });
    expect(await replying).toMatchObject({ kind: 'result' });
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('after the time is up does not count, and the log says that it expired', async () => {
    await using pipeline = await start({
      rules: [rule('require_approval', { approval: { ...requirement, expiresAfterMs: 80 } })],
    });
    const replying = pipeline.broker.invoke(pipeline.call());
    const { id } = await pending(pipeline);
    expect(await replying).toMatchObject({ refusal: { code: 'approval_expired' } });
    expect(await approve(pipeline, id)).toEqual({ refused: 'over' });
    expect(await types(pipeline)).toContain('approval.expired');
  });
});
