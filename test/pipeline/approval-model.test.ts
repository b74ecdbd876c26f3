// Random events over two brokers on one store: calls, reviews, grants, cancellations, callers that vanish, time that passes.
// The log is the witness: it must tell a path through the states, and no call may have run without a yes of its own.
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { step } from '../../src/approval/state.ts';
import type { ApprovalRequirement, ApprovalState, Person } from '../../src/core/approval.ts';
import { CancelledByCaller } from '../../src/core/cancelled.ts';
import type { Clock } from '../../src/core/clock.ts';
import { principal, rule, startPipeline, type EntryRow, type Pipeline } from '../support/pipeline.ts';
import { oneFile, onePostgres } from '../support/shared-store.ts';

const EXPIRES_MS = 1_500;
const USES = 2;
const requirement: ApprovalRequirement = {
  rule: 'test-require_approval',
  approvers: { groups: ['finance'], people: [] },
  quorum: 1,
  perGroup: {},
  expiresAfterMs: EXPIRES_MS,
  reasonRequired: false,
  grant: { atMostMs: EXPIRES_MS, uses: USES, same: ['n'] },
};
/** Calls of the argument `quorum - 1` need so many people. */
const asks = (quorum: number) =>
  rule('require_approval', {
    id: `quorum-${String(quorum)}`,
    approval: { ...requirement, quorum },
    when: ({ arguments: args }) => args['n'] === quorum - 1,
  });
const people = ['finn', 'frida', 'fred'].map((subject): Person => ({
  issuer: 'https://issuer.example',
  subject,
  name: subject,
  groups: ['finance'],
}));

const broker = fc.nat({ max: 1 });
const n = fc.nat({ max: 1 });
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('call' as const), broker, n, patienceMs: fc.constantFrom(0, 40) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('vanish' as const, 'withdraw' as const), broker, n, afterMs: fc.nat(30) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('approve' as const, 'approve' as const, 'grant' as const, 'grant' as const, 'deny' as const),
      broker,
      n,
      person: fc.nat({ max: people.length - 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const), broker, ms: fc.constantFrom(300, 1_600) }) },
); // prettier-ignore
type Event = typeof event extends fc.Arbitrary<infer Value> ? Value : never;

class PushedClock implements Clock {
  ahead = 0;
  now(): number {
    return Date.now() + this.ahead;
  }
  monotonic(): number {
    return performance.now();
  }
}

async function happen(brokers: readonly Pipeline[], clock: PushedClock, run: number, what: Event): Promise<void> {
  const pipeline = brokers[what.broker]!;
  const caller = principal(`robot-${String(run)}`);
  const call = async (signal: AbortSignal, patienceMs: number): Promise<void> => {
    const patience = { ms: patienceMs, comesBack: true };
    const args = { n: 'n' in what ? what.n : 0 };
    const reply = await pipeline.broker.invoke(pipeline.call({ principal: caller, arguments: args, signal, patience }));
    reply.delivered();
  };
  switch (what.kind) {
    case 'call':
      return call(new AbortController().signal, what.patienceMs);
    case 'vanish':
    case 'withdraw': {
      const gone = new AbortController();
      const calling = call(gone.signal, 5_000);
      await delay(what.afterMs);
      gone.abort(what.kind === 'withdraw' ? new CancelledByCaller() : new Error('the caller went away'));
      return calling;
    }
    case 'time':
      clock.ahead += what.ms;
      return pipeline.expireOverdue();
    default: {
      const open = (await pipeline.approvals.list({ limit: 50 })).filter(
        (one) => one.principal.subject === caller.subject && (one.state === 'pending' || one.state === 'approved'),
      );
      const approval = open[what.n % Math.max(1, open.length)];
      if (approval === undefined) return;
      await pipeline.reviews.review(approval.id, {
        person: people[what.person]!,
        verdict: what.kind === 'deny' ? 'deny' : 'approve',
        reason: undefined,
        ...(what.kind === 'grant' ? { grant: { forMs: EXPIRES_MS, uses: USES } } : {}),
      });
    }
  }
}

/** Walks the log, and returns the state in which it leaves every approval. */
function witnessed(entries: readonly EntryRow[]): Map<string, ApprovalState> {
  const states = new Map<string, ApprovalState>();
  const ran = new Set<unknown>();
  const usesLeft = new Map<unknown, number>();
  for (const entry of entries) {
    const id = String(entry['approval']);
    const state = states.get(id);
    const to = (event: Parameters<typeof step>[1]): void => {
      const next = step(states.get(id)!, event);
      expect(next).toBeTypeOf('string');
      if (typeof next === 'string') states.set(id, next);
    };
    if (entry.type === 'approval.requested') {
      expect(state).toBeUndefined();
      states.set(id, 'pending');
    }
    if (entry.type === 'approval.reviewed' && entry['state'] !== state) {
      to(entry['verdict'] === 'deny' ? 'deny' : 'approve');
      if (entry['state'] === 'used') to('use');
      expect(states.get(id)).toBe(entry['state']);
    }
    if (entry.type === 'approval.used') to('use');
    if (entry.type === 'approval.expired') to('expire');
    if (entry.type === 'approval.cancelled') to('cancel');
    if (entry.type === 'grant.given') usesLeft.set(entry['grant'], Number(entry['uses']));
    if (entry.type === 'grant.ended') usesLeft.set(entry['grant'], 0);
    if (entry.type !== 'intent') continue;
    // Every run has a yes of its own: an approval that no other had, or a use of a grant.
    if (entry['grant'] === undefined) {
      expect(state).toBe('approved');
      expect(ran).not.toContain(id);
      ran.add(id);
    } else {
      const left = usesLeft.get(entry['grant']) ?? 0;
      expect(left).toBeGreaterThan(0);
      usesLeft.set(entry['grant'], left - 1);
    }
  }
  return states;
}

describe.each([
  ['one SQLite file', oneFile, 25],
  ['one Postgres', onePostgres, 25],
] as const)('two brokers on %s', (_name, prepare, numRuns) => {
  test('count the words of two people that are said in the same moment', async () => {
    await using place = await prepare();
    const start = (name: string): Promise<Pipeline> =>
      startPipeline({
        rules: [asks(2)],
        shared: { broker: name, keys: place.keys, openStore: () => place.openStore() },
      });
    await using one = await start('one');
    await using other = await start('other');
    for (let round = 0; round < 10; round++) {
      const caller = principal(`twice-${String(round)}`);
      const patience = { ms: 1, comesBack: true };
      await one.broker.invoke(one.call({ principal: caller, arguments: { n: 1 }, patience }));
      const [approval] = await one.approvals.list({ state: 'pending', limit: 1 });
      const say = (at: Pipeline, person: Person) =>
        at.reviews.review(approval!.id, { person, verdict: 'approve', reason: undefined });
      await Promise.all([say(one, people[0]!), say(other, people[1]!)]);
      expect(await one.approvals.find(approval!.id)).toMatchObject({ state: 'approved' });
    }
  });

  test('use no approval twice and lose none, whatever happens', async () => {
    await using place = await prepare();
    const clock = new PushedClock();
    const start = (name: string): Promise<Pipeline> =>
      startPipeline({
        rules: [asks(1), asks(2)],
        clock,
        shared: { broker: name, keys: place.keys, openStore: () => place.openStore() },
      });
    await using one = await start('one');
    await using other = await start('other');
    const brokers = [one, other];
    const seen = new Set<string>();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(event, { minLength: 1, maxLength: 4 }), { minLength: 4, maxLength: 14 }),
        async (story) => {
          run += 1;
          const mine = `robot-${String(run)}`;
          const before = one.backendCalls.length + other.backendCalls.length;
          for (const moment of story) {
            await Promise.all(moment.map((what) => happen(brokers, clock, run, what)));
          }
          const history = (await one.entries()).filter(
            (entry) => (entry['principal'] as { subject?: string } | undefined)?.subject === mine,
          );
          const states = witnessed(history);
          for (const { type } of history) seen.add(type);
          expect(history.filter(({ type }) => type === 'intent')).toHaveLength(
            one.backendCalls.length + other.backendCalls.length - before,
          );
          const stored = (await other.approvals.list({ limit: 500 })).filter((row) => row.principal.subject === mine);
          expect(new Map(stored.map(({ id, state }) => [id, state]))).toEqual(states);
          // What people agreed to, and what is still in time, can be had.
          for (const { digest, state, expiresAt } of stored) {
            if (state !== 'approved' || expiresAt <= clock.now() + 500) continue;
            const asked = history.find((entry) => entry.type === 'approval.requested' && entry['digest'] === digest)!;
            const kept = await other.requested(asked.invocation!);
            const args = kept?.arguments ?? {};
            const reply = await other.broker.invoke(other.call({ principal: principal(mine), arguments: args }));
            expect(reply.kind).toBe('result');
            reply.delivered();
          }
        },
      ),
      // What happens depends on time, so that a smaller story rarely fails in the same way.
      { numRuns, endOnFailure: true },
    );
    for (const type of ['approval.used', 'approval.expired', 'approval.cancelled', 'grant.given', 'grant.ended']) {
      expect(seen).toContain(type);
    }
  }, 120_000);
});
