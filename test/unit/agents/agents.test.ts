// The library inside a real Agents SDK run, over real HTTP; behind the edge stands a broker double.
import { Agent, Runner } from '@openai/agents';
import type { MCPServerStreamableHttp } from '@openai/agents';
import { ScriptedModel, assistantMessage, functionCall, modelResponder } from '@openai/agents/testing';
import { describe, expect, test } from 'vitest';
import { sallyport } from '../../../src/agents.ts';
import type { OwnTokenOptions } from '../../../src/agents.ts';
import { refuse } from '../../../src/core/errors.ts';
import { toolAnswers } from '../../../src/demo/model-items.ts';
import { startHttpEdge } from '../../support/http-edge.ts';
import type { HttpEdge } from '../../support/http-edge.ts';
import { ScriptedBroker } from '../../support/scripted-broker.ts';

const tools = {
  greet: { run: () => ({ structured: { greeting: 'hello' } }) },
  forbidden: { run: () => ({ refusal: refuse('denied', { words: 'Refunds are closed at night.' }) }) },
  slow: { run: () => new Promise<never>(() => undefined) },
};
const token = (): Promise<string> => Promise.resolve('token-of-ada');

interface Run {
  /** What the model was told for each call, in order. */
  readonly told: readonly string[];
  readonly broker: ScriptedBroker;
}

/** Lets an agent call the named tools one after the other. */
async function run(
  called: readonly string[],
  options: (edge: HttpEdge) => Partial<OwnTokenOptions> = () => ({}),
  context?: unknown,
): Promise<Run> {
  const broker = new ScriptedBroker(tools);
  await using edge = await startHttpEdge(broker);
  const server = sallyport({ url: edge.url.href, token, ...options(edge) });
  await server.connect();
  try {
    return { told: await callInTurn(server, called, context), broker };
  } finally {
    await server.close();
  }
}

async function callInTurn(
  server: MCPServerStreamableHttp,
  called: readonly string[],
  context: unknown,
): Promise<string[]> {
  let told: string[] = [];
  const model = new ScriptedModel([
    ...called.map((name, index) => [functionCall(name, {}, { callId: `call-${String(index)}` })]),
    modelResponder(({ request }) => {
      told = toolAnswers(request).map((answer) => answer.text);
      return [assistantMessage('done')];
    }),
  ]);
  const agent = new Agent({ name: 'tester', model, mcpServers: [server] });
  await new Runner({ tracingDisabled: true }).run(agent, 'go', { context });
  return told;
}

describe('an agent with sallyport/agents', () => {
  test('gets the broker’s tools and their answers', async () => {
    expect((await run(['greet'])).told).toEqual(['{"greeting":"hello"}']);
  });

  test('is told why a call was refused, in the words of the broker', async () => {
    expect((await run(['forbidden'])).told).toEqual(['Refunds are closed at night.']);
  });

  test('calls under one session label of its own', async () => {
    const [one, other] = await Promise.all([run(['greet', 'greet']), run(['greet'])]);
    const labels = one.broker.calls.map((call) => call.sessionLabel);
    expect(labels[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(labels[1]).toBe(labels[0]);
    expect(other.broker.calls[0]?.sessionLabel).not.toBe(labels[0]);
  });

  test('calls under the label the app chose, for all or by the run', async () => {
    const fixed = await run(['greet'], () => ({ session: 'ticket-7' }));
    expect(fixed.broker.calls[0]?.sessionLabel).toBe('ticket-7');
    const byRun = await run(
      ['greet'],
      () => ({ session: ({ runContext }) => `chat-${String(runContext.context)}` }),
      'of-eve',
    );
    expect(byRun.broker.calls[0]?.sessionLabel).toBe('chat-of-eve');
  });

  test('gets a new token and goes on when the broker no longer accepts the one it had', async () => {
    const tokens = ['token-of-ada', 'token-of-ada', 'long-expired'];
    let asked = 0;
    const { told, broker } = await run(['greet', 'greet'], () => ({
      token: () => Promise.resolve(tokens[asked++] ?? 'token-of-ada'),
    }));
    expect(asked).toBeGreaterThan(tokens.length);
    expect(told).toEqual(['{"greeting":"hello"}', '{"greeting":"hello"}']);
    expect(broker.calls).toHaveLength(2);
  });

  test('is told to make the same call again, and nothing else, when no answer came in time', async () => {
    const { told } = await run(['slow'], () => ({ timeoutMs: 300 }));
    expect(told[0]).toMatch(/^No answer came within 1 second\. .*exactly the same call again/);
  });

  test('is told that it is unknown whether the call was made when the broker dies in mid-call', async () => {
    await using edge = await startHttpEdge(new ScriptedBroker(tools));
    const server = sallyport({ url: edge.url.href, token });
    await server.connect();
    setTimeout(() => void edge.app.close(0), 200);
    const model = new ScriptedModel([[functionCall('slow', {}, { callId: 'call-1' })]]);
    const agent = new Agent({ name: 'tester', model, mcpServers: [server], toolUseBehavior: 'stop_on_first_tool' });
    const { finalOutput } = await new Runner({ tracingDisabled: true }).run(agent, 'go');
    expect(finalOutput).toContain('not known whether the call was made');
    await server.close();
  });

  test('cannot connect with a token the broker does not accept, and the error says so', async () => {
    await expect(run([], () => ({ token: () => Promise.resolve('forged') }))).rejects.toThrow(/401/);
  });
});
