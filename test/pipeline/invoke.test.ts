import { describe, expect, test } from 'vitest';
import { BackendError } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Rule } from '../../src/core/policy.ts';
import { asShown, openPayload } from '../../src/log/payload.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { CANARY, principal, rule, startPipeline } from '../support/pipeline.ts';
import { oneFile } from '../support/shared-store.ts';

describe('a call that is allowed', () => {
  test('writes its intent before the backend is called, and its outcome before the reply', async () => {
    let seen: readonly string[] = [];
    await using pipeline = await startPipeline({
      answer: async () => {
        seen = (await pipeline.entries()).map((entry) => entry.type);
        return { structured: { done: true } };
      },
    });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ kind: 'result', result: { structured: { done: true } } });
    expect(seen).toEqual(['intent']);
    expect((await pipeline.entries()).map((entry) => entry.type)).toEqual(['intent', 'outcome']);
  });

  test('carries principal, session, tool, backend, rules, policy and the time of each door in its entries', async () => {
    await using pipeline = await startPipeline();
    const reply = await pipeline.broker.invoke(pipeline.call({ identifyMs: 1.5 }));
    const [intent, outcome] = await pipeline.entries();
    const common = {
      invocation: reply.invocation,
      principal: { issuer: 'https://issuer.example', subject: 'robot', actor: 'support-agent' },
      tool: 'touch',
      backend: 'thing',
      policy: 'policy',
    };
    expect(intent).toMatchObject({ ...common, decision: { effect: 'allow', rules: ['test-allow'] } });
    expect(intent).toMatchObject({ digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(outcome).toMatchObject({ ...common, outcome: 'succeeded', lease: 'lease-1', masked: { '$.secret': 1 } });
    const doors = outcome?.['doors'] as Record<string, number>;
    const passed = ['backend', 'credential', 'decide', 'identify', 'intent', 'mask', 'parse'];
    expect(Object.keys(doors)).toEqual(passed);
    expect(doors['identify']).toBe(1.5);
    expect(outcome?.['session']).toBe(intent?.['session']);
  });

  test('gives calls of one label one session, and of another principal another', async () => {
    await using pipeline = await startPipeline();
    await pipeline.broker.invoke(pipeline.call({ sessionLabel: 'run', arguments: { n: 1 } }));
    await pipeline.broker.invoke(pipeline.call({ sessionLabel: 'run', arguments: { n: 2 } }));
    await pipeline.broker.invoke(pipeline.call({ sessionLabel: 'run', principal: principal('other') }));
    const sessions = (await pipeline.entries())
      .filter(({ type }) => type === 'intent')
      .map((entry) => entry['session']);
    expect(sessions[0]).toBe(sessions[1]);
    expect(sessions[0]).not.toBe(sessions[2]);
  });
});

describe('a call that is stopped', () => {
  test.each([
    ['for a tool that is not there', { tool: 'nothing' }, 'unknown_tool'],
    ['for arguments that do not fit', { arguments: { bad: 1 } }, 'invalid_arguments'],
  ] as const)('%s writes one refused entry and reaches no backend', async (_why, more, code) => {
    await using pipeline = await startPipeline();
    const reply = await pipeline.broker.invoke(pipeline.call(more));
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code } });
    expect(await pipeline.entries()).toMatchObject([{ type: 'refused', code, invocation: reply.invocation }]);
    expect(pipeline.backendCalls).toHaveLength(0);
    expect(pipeline.leases.issued).toBe(0);
  });

  test('by a rule is answered in the words of the rule, and the entry names it', async () => {
    const closed = rule('deny', { id: 'closed-at-night', message: 'Refunds are closed; try in the morning.' });
    await using pipeline = await startPipeline({ rules: [rule('allow'), closed] });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ refusal: { code: 'denied', words: 'Refunds are closed; try in the morning.' } });
    expect(await pipeline.entries()).toMatchObject([{ type: 'refused', decision: { rules: ['closed-at-night'] } }]);
  });

  test('because no rule speaks of it cannot even be seen', async () => {
    await using pipeline = await startPipeline({ rules: [] });
    expect(await pipeline.broker.list(pipeline.call().principal)).toEqual([]);
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ refusal: { code: 'unknown_tool' } });
  });

  test('before its tool is looked at keeps its arguments as that tool shows them', async () => {
    await using place = await oneFile();
    const { keys } = place;
    const seen = async (rules: readonly Rule[], draining: boolean): Promise<unknown> => {
      await using pipeline = await startPipeline({
        rules,
        tool: (tool) => ({ ...tool, maskArguments: ({ card: _, ...args }) => ({ ...args, card: 'hidden' }) }),
        shared: { broker: `broker-${String(draining)}`, keys, openStore: () => place.openStore() },
      });
      if (draining) await pipeline.broker.drain(0);
      const { invocation } = await pipeline.broker.invoke(pipeline.call({ arguments: { card: CANARY } }));
      const refused = (await pipeline.entries()).find((entry) => entry.invocation === invocation)!;
      const sealed = await storeLogSource(pipeline.store).sealedPayload(refused.seq);
      return [refused['code'], asShown(openPayload(keys.payload, sealed!, refused as JsonObject)).arguments];
    };
    expect(await seen([], false)).toEqual(['unknown_tool', { card: 'hidden' }]);
    expect(await seen([rule('allow')], true)).toEqual(['shutting_down', { card: 'hidden' }]);
  });

  test('because the principal has 32 calls running', async () => {
    const release = Promise.withResolvers<undefined>();
    await using pipeline = await startPipeline({
      readOnly: true,
      answer: async () => {
        await release.promise;
        return { structured: {} };
      },
    });
    const running = Array.from({ length: 32 }, () => pipeline.broker.invoke(pipeline.call()));
    await expect.poll(() => pipeline.backendCalls.length).toBe(32);
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ refusal: { code: 'too_many_calls' } });
    const other = pipeline.broker.invoke(pipeline.call({ principal: principal('other') }));
    await expect.poll(() => pipeline.backendCalls.length).toBe(33);
    release.resolve(undefined);
    expect((await Promise.all([...running, other])).every((reply) => reply.kind === 'result')).toBe(true);
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
  });
});

describe('an identical call of a tool that is not read-only', () => {
  test('joins the one that runs: the backend is called once', async () => {
    const release = Promise.withResolvers<undefined>();
    await using pipeline = await startPipeline({
      answer: async () => {
        await release.promise;
        return { structured: { done: true } };
      },
    });
    const first = pipeline.broker.invoke(pipeline.call());
    await expect.poll(() => pipeline.backendCalls.length).toBe(1);
    const second = pipeline.broker.invoke(pipeline.call());
    setTimeout(() => release.resolve(undefined), 50);
    const [one, two] = await Promise.all([first, second]);
    expect(one).toMatchObject({ kind: 'result', result: { structured: { done: true } } });
    expect(two).toMatchObject({ kind: 'result', result: { structured: { done: true } } });
    expect(pipeline.backendCalls).toHaveLength(1);
    const outcomes = (await pipeline.entries()).filter(({ type }) => type === 'outcome');
    expect(outcomes).toMatchObject([{ invocation: one.invocation }, { joined: one.invocation }]);
  });

  test('gets the recorded reply of one whose reply was not delivered, and runs anew once it was', async () => {
    let runs = 0;
    await using pipeline = await startPipeline({ answer: () => ({ structured: { run: ++runs, secret: 'x' } }) });
    await pipeline.broker.invoke(pipeline.call());
    const again = await pipeline.broker.invoke(pipeline.call());
    expect(again).toMatchObject({ result: { structured: { run: 1, secret: '[redacted]' } } });
    again.delivered();
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ result: { structured: { run: 2 } } });
  });

  test('runs anew where the one before had no effect', async () => {
    await using pipeline = await startPipeline({
      answer: () => {
        throw new BackendError('backend_rejected', 'detail for operators', { words: 'There is no such order.' });
      },
    });
    await pipeline.broker.invoke(pipeline.call());
    const again = await pipeline.broker.invoke(pipeline.call());
    expect(again).toMatchObject({ refusal: { code: 'backend_rejected', words: 'There is no such order.' } });
    expect(pipeline.backendCalls).toHaveLength(2);
  });

  test('runs anew, too, where another broker had taken the one before for lost', async () => {
    let calls = 0;
    await using pipeline = await startPipeline({
      answer: async () => {
        if (++calls > 1) return { structured: { done: true } };
        const given = `update calls set state = 'unknown', finished_at = 1`;
        await pipeline.store.commit({ statements: [{ sql: given, parameters: [] }] });
        throw new BackendError('backend_rejected', 'the order is closed');
      },
    });
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ refusal: { code: 'backend_rejected' } });
    expect((await pipeline.entries()).at(-1)).toMatchObject({ type: 'outcome', outcome: 'failed' });
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
  });

  test('is told when the broker that ran it died, and runs anew after that', async () => {
    await using pipeline = await startPipeline();
    const first = await pipeline.broker.invoke(pipeline.call());
    await pipeline.store.commit({
      statements: [
        { sql: `update calls set state = 'running', broker = 'a-dead-one', finished_at = null`, parameters: [] },
      ],
    });
    const told = await pipeline.broker.invoke(pipeline.call());
    expect(told).toMatchObject({ kind: 'refusal', refusal: { code: 'outcome_unknown' } });
    expect(pipeline.backendCalls).toHaveLength(1);
    expect((await pipeline.entries()).at(-1)).toMatchObject({ outcome: 'unknown', joined: first.invocation });
    told.delivered();
    expect(await pipeline.broker.invoke(pipeline.call())).toMatchObject({ kind: 'result' });
    expect(pipeline.backendCalls).toHaveLength(2);
  });

  test('is another call when one argument differs, or another principal makes it', async () => {
    await using pipeline = await startPipeline();
    await pipeline.broker.invoke(pipeline.call({ arguments: { id: 1 } }));
    await pipeline.broker.invoke(pipeline.call({ arguments: { id: 2 } }));
    await pipeline.broker.invoke(pipeline.call({ arguments: { id: 1 }, principal: principal('other') }));
    expect(pipeline.backendCalls).toHaveLength(3);
  });
});

describe('a call that is read-only', () => {
  test('runs as often as it is made', async () => {
    await using pipeline = await startPipeline({ readOnly: true });
    await pipeline.broker.invoke(pipeline.call());
    await pipeline.broker.invoke(pipeline.call());
    expect(pipeline.backendCalls).toHaveLength(2);
  });
});

describe('shutting down', () => {
  test('lets running calls finish and refuses new ones', async () => {
    const release = Promise.withResolvers<undefined>();
    await using pipeline = await startPipeline({
      answer: async () => {
        await release.promise;
        return { structured: { done: true } };
      },
    });
    const running = pipeline.broker.invoke(pipeline.call());
    await expect.poll(() => pipeline.backendCalls.length).toBe(1);
    const drained = pipeline.broker.drain(5_000);
    const late = await pipeline.broker.invoke(pipeline.call({ arguments: { n: 2 } }));
    expect(late).toMatchObject({ refusal: { code: 'shutting_down' } });
    release.resolve(undefined);
    await drained;
    expect(await running).toMatchObject({ kind: 'result' });
  });

  test('stops calls that outlive the grace, and records what became of them', async () => {
    await using pipeline = await startPipeline({
      answer: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new BackendError('cancelled', 'stopped at the server')));
        }),
    });
    const running = pipeline.broker.invoke(pipeline.call());
    await expect.poll(() => pipeline.backendCalls.length).toBe(1);
    await pipeline.broker.drain(10);
    expect(await running).toMatchObject({ refusal: { code: 'cancelled' } });
    expect((await pipeline.entries()).at(-1)).toMatchObject({ type: 'outcome', outcome: 'cancelled' });
  });
});
