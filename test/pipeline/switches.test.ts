// What operators stop, over two brokers on one store: the one that is told, and the one that calls run on.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Person } from '../../src/core/approval.ts';
import type { Reply } from '../../src/core/broker.ts';
import { BackendError, StoreError } from '../../src/core/errors.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { ToolAnswer, ToolCall } from '../../src/core/tool.ts';
import { createSwitchRecords } from '../../src/store/switch-records.ts';
import type { PrincipalTarget } from '../../src/switches/operator-desk.ts';
import { openSwitchGate } from '../../src/switches/switch-gate.ts';
import { principal, rule, startPipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';
import { oneFile, onePostgres } from '../support/shared-store.ts';
import { finance } from '../support/waiting-approval.ts';

const issuer = 'https://issuer.example';
const paula: Person = { issuer, subject: 'paula', name: 'Paula', groups: ['platform'] };
const petra: Person = { ...paula, subject: 'petra', name: 'Petra' };
const finn: Person = { issuer, subject: 'finn', name: 'Finn', groups: ['finance'] };
const WHY = 'it went astray';

/** Runs until it is stopped, and says then that nothing happened. */
function untilStopped({ signal }: ToolCall): Promise<ToolAnswer> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(new BackendError('cancelled', 'stopped'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

interface Two extends AsyncDisposable {
  /** Where the operator is. */
  readonly here: Pipeline;
  /** Where the calls run. */
  readonly there: Pipeline;
}

async function two(prepare: typeof oneFile, options: PipelineOptions = {}): Promise<Two> {
  await using starting = new AsyncDisposableStack();
  const place = starting.use(await prepare());
  const start = (broker: string): Promise<Pipeline> =>
    startPipeline({ ...options, shared: { broker, keys: place.keys, openStore: () => place.openStore() } });
  const here = starting.use(await start('broker-here'));
  const there = starting.use(await start('broker-there'));
  const started = starting.move();
  return { here, there, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

const codeOf = (reply: Reply): string => (reply.kind === 'refusal' ? reply.refusal.code : reply.kind);
const callOn = async (pipeline: Pipeline): Promise<string> => codeOf(await pipeline.broker.invoke(pipeline.call()));
const toolsOn = async (pipeline: Pipeline): Promise<readonly string[]> =>
  (await pipeline.broker.list(pipeline.call().principal)).map(({ name }) => name);

/** The session that calls of the pipeline run in, once one has. */
async function sessionOf(pipeline: Pipeline): Promise<string> {
  return (await pipeline.operators.sessions(1))[0]!.id;
}

describe.each([
  ['SQLite', oneFile],
  ['Postgres', onePostgres],
] as const)('on %s, across brokers', (_engine, prepare) => {
  test.each([
    ['subject', () => Promise.resolve('robot'), 'the person or service that this call is made for'],
    ['agent', () => Promise.resolve('support-agent'), 'blocked this agent'],
    ['session', sessionOf, 'blocked this session'],
  ] as const)('a blocked %s is stopped within a second, and calls again once unblocked', async (kind, name, words) => {
    await using brokers = await two(prepare, { answer: untilStopped, timeoutMs: 30_000 });
    const { here, there } = brokers;
    const running = there.broker.invoke(there.call());
    await expect.poll(() => there.backendCalls.length).toBe(1);
    const target: PrincipalTarget = { kind, name: await name(there) };
    expect(await toolsOn(there)).toEqual(['touch']);

    expect(await here.operators.block(paula, target, WHY)).toEqual({ leases: 0, approvals: 0, grants: 0 });
    const stopped = await running;
    expect(stopped).toMatchObject({ refusal: { code: 'stopped_by_operator' } });
    for (const pipeline of [here, there]) {
      const refused = await pipeline.broker.invoke(pipeline.call());
      expect(refused).toMatchObject({
        refusal: { code: 'principal_blocked', words: expect.stringContaining(words) as string },
      });
      // Whose session it is, a list does not say.
      expect(await toolsOn(pipeline)).toEqual(kind === 'session' ? ['touch'] : []);
    }
    expect(await here.operators.block(paula, target, WHY)).toEqual({ refused: 'no_change' });
    expect(await there.operators.blocks()).toMatchObject([{ ...target, reason: WHY, person: { name: 'Paula' } }]);

    expect(await there.operators.unblock(paula, target, 'it is well again')).toBe('unblocked');
    expect(await there.operators.unblock(paula, target, 'again')).toEqual({ refused: 'no_change' });
    const again = there.broker.invoke(there.call());
    await expect.poll(() => there.backendCalls.length).toBe(2);
    await there.broker.drain(0);
    await again;
    const told = (await here.entries()).filter(({ type }) => !['intent', 'lease.issued'].includes(type));
    expect(told.map(({ type, code }) => code ?? type)).toEqual([
      'principal.blocked',
      'stopped_by_operator',
      'principal_blocked',
      'principal_blocked',
      'principal.unblocked',
      'cancelled',
    ]);
    expect(told[0]).toMatchObject({ ...target, reason: WHY, person: { subject: 'paula' } });
    expect(told[1]).toMatchObject({ outcome: 'cancelled' });
    expect(told[2]).toMatchObject({ detail: `${kind} ${target.name}` });
  });

  test('only whom it names is stopped', async () => {
    await using brokers = await two(prepare);
    const { here, there } = brokers;
    await here.operators.block(paula, { kind: 'subject', name: 'robot', issuer: 'https://other.example' }, WHY);
    await here.operators.block(paula, { kind: 'subject', name: 'support-agent' }, WHY);
    await here.operators.block(paula, { kind: 'agent', name: 'robot' }, WHY);
    await here.operators.block(paula, { kind: 'session', name: 'robot' }, WHY);
    await there.switches.look();
    expect(await callOn(there)).toBe('result');
    await here.operators.block(paula, { kind: 'subject', name: 'robot', issuer }, WHY);
    await there.switches.look();
    expect(await callOn(there)).toBe('principal_blocked');
    const other = await there.broker.invoke(there.call({ principal: principal('other') }));
    expect(other.kind).toBe('result');
  });

  test('a disabled backend stops its calls, hides its tools, and is reached again once enabled', async () => {
    await using brokers = await two(prepare, { answer: untilStopped, timeoutMs: 30_000 });
    const { here, there } = brokers;
    const running = there.broker.invoke(there.call());
    await expect.poll(() => there.backendCalls.length).toBe(1);
    expect(await here.operators.disable(paula, 'thing', WHY)).toMatchObject({ leases: 0 });
    expect(codeOf(await running)).toBe('stopped_by_operator');
    expect(await callOn(there)).toBe('backend_disabled');
    expect(await toolsOn(there)).toEqual([]);
    expect(await there.operators.backends()).toMatchObject([{ name: 'thing', disabled: { reason: WHY } }]);
    expect(await here.operators.disable(paula, 'thing', WHY)).toEqual({ refused: 'no_change' });
    expect(await here.operators.disable(paula, 'thin', WHY)).toEqual({
      refused: 'unknown',
      hint: 'did you mean "thing"?',
    });
    expect(await here.operators.enable(paula, 'thing', 'mended')).toBe('enabled');
    expect(await here.operators.enable(paula, 'thing', 'mended')).toEqual({ refused: 'no_change' });
    await there.switches.look();
    expect(await toolsOn(there)).toEqual(['touch']);
    const types = (await there.entries()).map(({ type }) => type).filter((type) => type.startsWith('backend.'));
    expect(types).toEqual(['backend.disabled', 'backend.enabled']);
  });

  test('what waits for a person is cancelled, what was given for a while ends, and neither comes back', async () => {
    const approval = { ...finance, grant: { atMostMs: 60_000, uses: 9, same: [] } };
    await using brokers = await two(prepare, { rules: [rule('require_approval', { approval })] });
    const { here, there } = brokers;
    const pending = async (): Promise<string> => {
      await expect.poll(async () => (await here.approvals.list({ state: 'pending', limit: 9 })).length).toBe(1);
      return (await here.approvals.list({ state: 'pending', limit: 9 }))[0]!.id;
    };
    const given = there.broker.invoke(there.call());
    const said = { person: finn, verdict: 'approve', reason: undefined, grant: { forMs: 60_000, uses: 9 } } as const;
    await here.reviews.review(await pending(), said);
    (await given).delivered();
    expect(await here.grants.grants({ running: true, limit: 9 })).toHaveLength(1);

    const waiting = there.broker.invoke(there.call({ sessionLabel: 'another' }));
    const id = await pending();
    const blocked = await here.operators.block(paula, { kind: 'agent', name: 'support-agent' }, WHY);
    expect(blocked).toEqual({ leases: 0, approvals: 1, grants: 1 });
    expect(codeOf(await waiting)).toBe('principal_blocked');
    expect(await here.approvals.find(id)).toMatchObject({ state: 'cancelled' });
    expect(await here.reviews.review(id, { ...said, grant: undefined })).toEqual({ refused: 'over' });
    expect(await here.grants.grants({ running: true, limit: 9 })).toEqual([]);
    expect(there.backendCalls).toHaveLength(1);
    expect((await here.entries()).filter(({ type }) => type === 'approval.cancelled')).toHaveLength(1);
    expect((await here.entries()).find(({ type }) => type === 'grant.ended')).toMatchObject({
      reason: 'revoked',
      person: { subject: 'paula' },
    });
  });

  test('no call slips through in the moment of the block', async () => {
    await using brokers = await two(prepare, { answer: untilStopped, timeoutMs: 30_000, readOnly: true });
    const { here, there } = brokers;
    const target: PrincipalTarget = { kind: 'agent', name: 'support-agent' };
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 24 }, async (_, index) => {
        await delay(index % 12);
        const pipeline = index % 2 === 0 ? here : there;
        return callOn(pipeline);
      });
      await delay(round);
      await here.operators.block(paula, target, WHY);
      // None of them ends by itself: every single one was refused, or found and stopped.
      const codes = await Promise.all(calls);
      expect(
        [...new Set(codes)].filter((code) => !['principal_blocked', 'stopped_by_operator'].includes(code)),
      ).toEqual([]);
      await here.operators.unblock(paula, target, 'next round');
      await there.switches.look();
    }
    expect(here.backendCalls.length + there.backendCalls.length).toBeGreaterThan(0);
  });

  test('of two admins who block each other in one moment, one stays', async () => {
    await using brokers = await two(prepare);
    const { here, there } = brokers;
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.all([
        here.operators.block(paula, { kind: 'subject', name: 'petra' }, WHY),
        there.operators.block(petra, { kind: 'subject', name: 'paula' }, WHY),
      ]);
      expect(outcomes).toContainEqual({ refused: 'blocked' });
      expect(await here.operators.blocks()).toHaveLength(1);
      const [shut] = await here.operators.blocks();
      const [one, other] = shut!.name === 'petra' ? [paula, petra] : [petra, paula];
      expect(await here.operators.disable(other, 'thing', WHY)).toEqual({ refused: 'blocked' });
      expect(await here.operators.unblock(other, shut!, WHY)).toEqual({ refused: 'blocked' });
      expect(await there.operators.unblock(one, shut!, WHY)).toBe('unblocked');
    }
    expect(await here.operators.block(paula, { kind: 'subject', name: 'paula' }, WHY)).toEqual({
      refused: 'own_account',
    });
  });
});

describe('a person who is blocked', () => {
  test('decides about nothing, wherever they do it', async () => {
    await using pipeline = await startPipeline({ rules: [rule('require_approval', { approval: finance })] });
    const replying = pipeline.broker.invoke(pipeline.call());
    await expect.poll(async () => (await pipeline.approvals.list({ state: 'pending', limit: 9 })).length).toBe(1);
    const [approval] = await pipeline.approvals.list({ state: 'pending', limit: 9 });
    await pipeline.operators.block(paula, { kind: 'subject', name: 'finn' }, WHY);
    const yes = { verdict: 'approve', reason: undefined } as const;
    expect(await pipeline.reviews.review(approval!.id, { person: finn, ...yes })).toEqual({ refused: 'blocked' });
    const fred = { ...finn, subject: 'fred' };
    expect(await pipeline.reviews.review(approval!.id, { person: fred, ...yes })).toHaveProperty('approval');
    expect((await replying).kind).toBe('result');
  });
});

describe('where what is switched off cannot be read', () => {
  class PushedClock implements Clock {
    ahead = 0;
    now(): number {
      return systemClock.now();
    }
    monotonic(): number {
      return systemClock.monotonic() + this.ahead;
    }
  }

  test('no call begins and no tool is listed, and both do again once it can be', async () => {
    const clock = new PushedClock();
    let broken = false;
    await using pipeline = await startPipeline();
    const records = createSwitchRecords(pipeline.store);
    const revision = (): Promise<number> => (broken ? Promise.reject(new StoreError('no answer')) : records.revision());
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const { leases } = pipeline;
    using switches = await openSwitchGate({ records: { ...records, revision }, leases, clock, logger });
    await using gated = await startPipeline({ readOnly: true, faults: () => ({ switches }) });
    expect(await callOn(gated)).toBe('result');
    broken = true;
    // What was read a moment ago still counts; after that, no answer is no.
    expect(await callOn(gated)).toBe('result');
    clock.ahead += 2_000;
    expect(await callOn(gated)).toBe('log_unavailable');
    await expect(toolsOn(gated)).rejects.toThrow(StoreError);
    await expect(switches.isBlocked(finn)).rejects.toThrow(StoreError);
    expect(gated.backendCalls).toHaveLength(2);
    broken = false;
    expect(await callOn(gated)).toBe('result');
  });

  test('no broker starts', async () => {
    await using pipeline = await startPipeline();
    const records = createSwitchRecords(pipeline.store);
    const revision = (): Promise<number> => Promise.reject(new StoreError('no answer'));
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const options = { leases: pipeline.leases, clock: systemClock, logger };
    await expect(openSwitchGate({ records: { ...records, revision }, ...options })).rejects.toThrow(StoreError);
  });
});
