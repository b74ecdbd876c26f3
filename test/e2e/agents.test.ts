// sallyport/agents against the whole broker: its tokens, its session label, and what the model hears of a denial.
import { join } from 'node:path';
import { Agent, Runner } from '@openai/agents';
import { ScriptedModel, assistantMessage, functionCall, modelResponder } from '@openai/agents/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sallyport } from '../../src/agents.ts';
import { toolAnswers } from '../../src/demo/model-items.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { startTestBroker } from '../support/broker.ts';
import type { TestBroker } from '../support/broker.ts';

let broker: TestBroker;

beforeAll(async () => {
  broker = await startTestBroker();
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Call {
  readonly tool: string;
  readonly args: Record<string, unknown>;
}

/** Lets an agent of the group make the calls, one after the other, and returns what the model was told. */
async function told(groups: readonly string[], calls: readonly Call[]): Promise<string[]> {
  const agent = broker.provider.registerAgent({ clientId: `agent-of-${groups.join('-')}`, groups });
  const server = sallyport({
    url: broker.url,
    issuer: broker.provider.issuer,
    clientId: agent.clientId,
    clientSecret: agent.clientSecret,
  });
  let answers: string[] = [];
  const model = new ScriptedModel([
    ...calls.map(({ tool, args }, index) => [functionCall(tool, args, { callId: `call-${index}` })]),
    modelResponder(({ request }) => {
      answers = toolAnswers(request).map(({ text }) => text);
      return [assistantMessage('done')];
    }),
  ]);
  await server.connect();
  try {
    await new Runner({ tracingDisabled: true }).run(new Agent({ name: 'tester', model, mcpServers: [server] }), 'go');
  } finally {
    await server.close();
  }
  return answers;
}

async function intents(): Promise<Record<string, unknown>[]> {
  using reader = openSqliteReader(join(broker.dataDirectory, 'sallyport.db'));
  const written = await storeLogSource(reader).entries({ type: 'intent' }, 100);
  return written.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
}

const ada = { tool: 'find_customer', args: { email: 'ada@example.com' } };

describe('an agent', () => {
  test('calls under a token of its own, in one session, and sees what the masks leave', async () => {
    const [first, second] = await told(['support'], [ada, ada]);
    expect(first).toContain('****4242');
    expect(second).toBe(first);
    await told(['support'], [ada]);
    const [one, two, other] = (await intents()).map((intent) => intent['session']);
    expect(two).toBe(one);
    expect(other).not.toBe(one);
  });

  test('is in the log under its own name, and its token is nowhere', async () => {
    await told(['support'], [ada]);
    expect((await intents()).at(-1)?.['principal']).toEqual({
      issuer: broker.provider.issuer,
      subject: 'agent-of-support',
      actor: 'agent-of-support',
    });
    expect(broker.logLines.join('\n')).not.toMatch(/eyJ[\w-]{16,}\./);
  });

  test('hears why it may not, in the words of the rule', async () => {
    const [answer] = await told(['support'], [{ tool: 'refund_order', args: { order_id: 1001, amount: 1250 } }]);
    expect(answer).toMatch(/^Refunds above 1000 are made by the finance team/);
  });

  test('who is in no group that may, has no tools at all', async () => {
    const before = await intents();
    await expect(told(['strangers'], [ada])).rejects.toThrow(/find_customer/);
    expect(await intents()).toHaveLength(before.length);
  });
});
