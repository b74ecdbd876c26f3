// Calls that wait for a person, by the clients that are out there in their default settings. The rounds are shortened, and
// what clients wait with them; SALLYPORT_SLOW_TESTS=1 waits the real minute and a half.
import { join } from 'node:path';
import { Agent, MCPServerStreamableHttp, Runner } from '@openai/agents';
import { ScriptedModel, assistantMessage, functionCall, modelResponder } from '@openai/agents/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApprovals } from '../../src/approval/approvals.ts';
import type { Approval, Person } from '../../src/core/approval.ts';
import { systemClock } from '../../src/core/clock.ts';
import { toolAnswers } from '../../src/demo/model-items.ts';
import { createLog } from '../../src/log/log.ts';
import { createApprovalRecords } from '../../src/store/approval-records.ts';
import { createDeliveryRecords } from '../../src/store/delivery-records.ts';
import { createGrantRecords } from '../../src/store/grant-records.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts';

const slow = process.env['SALLYPORT_SLOW_TESTS'] === '1';
/** Rounds well below the three seconds after which these clients give up. */
const SHORT: TestBrokerOptions['waits'] = { roundMs: 500, holdMs: 6_500 };
const CLIENT_TIMEOUT_MS = 3_000;

interface Office extends AsyncDisposable {
  pending(): Promise<Approval>;
  count(): Promise<number>;
  approve(id: string): Promise<void>;
}

/** Another process on the same store, at which a person sits. */
async function openOffice(broker: TestBroker): Promise<Office> {
  const keys = await loadKeys(join(broker.dataDirectory, 'keys'));
  const store = await openSqliteStore({ file: join(broker.dataDirectory, 'sallyport.db'), keys });
  const records = createApprovalRecords(store);
  const reviews = createApprovals({
    records,
    grants: createGrantRecords(store),
    outbox: createDeliveryRecords(store),
    log: createLog({ store, broker: 'office' }),
    clock: systemClock,
    isBlocked: () => Promise.resolve(false),
  });
  const person: Person = { issuer: broker.provider.issuer, subject: 'finn', name: 'Finn', groups: ['finance'] };
  const pending = (): Promise<readonly Approval[]> => records.list({ state: 'pending', limit: 9 });
  return {
    async pending() {
      await expect.poll(async () => (await pending()).length, { timeout: 10_000 }).toBe(1);
      return (await pending())[0]!;
    },
    count: async () => (await records.list({ limit: 99 })).length,
    async approve(id) {
      expect(await reviews.review(id, { person, verdict: 'approve', reason: 'fine' })).toHaveProperty('approval');
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Runs an agent that makes the calls one after the other, and resolves with what its model was told. */
async function told(broker: TestBroker, calls: readonly object[], settings: { timeout?: number }): Promise<string[]> {
  const token = await broker.provider.accessToken({ groups: ['support'] });
  const server = new MCPServerStreamableHttp({
    url: broker.url,
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    ...settings,
  });
  let answers: string[] = [];
  const model = new ScriptedModel([
    ...calls.map((args, index) => [functionCall('refund_order', { ...args }, { callId: `call-${index}` })]),
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

async function refunds(broker: TestBroker): Promise<number> {
  using reader = openSqliteReader(join(broker.dataDirectory, 'sallyport.db'));
  const intents = await storeLogSource(reader).entries({ type: 'intent' }, 100);
  return intents.filter(({ text }) => !('preview' in (JSON.parse(text) as object))).length;
}

describe('a call that waits for a person, with short rounds', () => {
  let broker: TestBroker;
  let office: Office;
  beforeAll(async () => {
    broker = await startTestBroker({ waits: SHORT });
    office = await openOffice(broker);
  });
  afterAll(async () => {
    await office[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  test('by the Agents SDK, outlasts one timeout of its client, and its result comes in the same run', async () => {
    const answering = told(broker, [{ order_id: 1004, amount: 60 }], { timeout: CLIENT_TIMEOUT_MS });
    const { id } = await office.pending();
    await delay(CLIENT_TIMEOUT_MS + 200);
    await office.approve(id);
    const [answer] = await answering;
    expect(JSON.parse(answer!)).toMatchObject({ rows: [{ id: 1004, refunded: true }] });
    expect(await refunds(broker)).toBe(1);
    expect(await office.count()).toBe(1);
  });

  test('by the Agents SDK, is told after ten rounds that it is pending, and the next identical call has the result', async () => {
    const call = { order_id: 1002, amount: 61 };
    const [pending] = await told(broker, [call], { timeout: CLIENT_TIMEOUT_MS });
    const { id } = await office.pending();
    expect(pending).toContain(`approval ${id}`);
    expect(pending).toMatch(/Make exactly the same call again/);
    await office.approve(id);
    const [answer] = await told(broker, [call], { timeout: CLIENT_TIMEOUT_MS });
    expect(JSON.parse(answer!)).toMatchObject({ rows: [{ id: 1002, refunded: true }] });
    expect(await refunds(broker)).toBe(2);
  });

  test('by a client of the 2025 era, is told so before that gives up, and its next identical call has the result', async () => {
    const call = { name: 'refund_order', arguments: { order_id: 1003, amount: 62 } };
    await using client = await connect(broker);
    const startedAt = performance.now();
    const first = await client.callTool(call, undefined, { timeout: CLIENT_TIMEOUT_MS });
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    const { id } = await office.pending();
    expect(JSON.stringify(first)).toContain(`approval ${id}`);
    await office.approve(id);
    expect(await client.callTool(call)).toMatchObject({
      structuredContent: { rows: [{ id: 1003, refunded: true }] },
    });
    expect(await refunds(broker)).toBe(3);
  });
});

describe.runIf(slow)('a call that waits for a person, at full length', () => {
  let broker: TestBroker;
  let office: Office;
  beforeAll(async () => {
    broker = await startTestBroker();
    office = await openOffice(broker);
  });
  afterAll(async () => {
    await office[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  test('by the Agents SDK in its default settings, gets its result when the yes comes after 85 s', async () => {
    const answering = told(broker, [{ order_id: 1004, amount: 60 }], {});
    const { id } = await office.pending();
    await delay(85_000);
    await office.approve(id);
    const [answer] = await answering;
    expect(JSON.parse(answer!)).toMatchObject({ rows: [{ id: 1004, refunded: true }] });
    expect(await refunds(broker)).toBe(1);
  }, 120_000);

  test('by a client of the 2025 era in its default settings, is told so before its 60 s are over', async () => {
    const call = { name: 'refund_order', arguments: { order_id: 1003, amount: 62 } };
    await using client = await connect(broker);
    const first = await client.callTool(call);
    const { id } = await office.pending();
    expect(JSON.stringify(first)).toContain(`approval ${id}`);
    await office.approve(id);
    expect(await client.callTool(call)).toMatchObject({
      structuredContent: { rows: [{ id: 1003, refunded: true }] },
    });
    expect(await refunds(broker)).toBe(2);
  }, 120_000);

  test('by the Agents SDK in its default settings, is told to call again when its rounds are over, and that call has the result', async () => {
    const call = { order_id: 1005, amount: 60 };
    const before = await refunds(broker);
    const startedAt = performance.now();
    const [pending] = await told(broker, [call], {});
    expect(performance.now() - startedAt).toBeGreaterThan(8 * 60_000);
    expect(pending).toMatch(/Make exactly the same call again/);
    await office.approve((await office.pending()).id);
    const [answer] = await told(broker, [call], {});
    expect(JSON.parse(answer!)).toMatchObject({ rows: [{ id: 1005, refunded: true }] });
    expect(await refunds(broker)).toBe(before + 1);
  }, 660_000);
});

async function connect(broker: TestBroker): Promise<Client & AsyncDisposable> {
  const token = await broker.provider.accessToken({ groups: ['support'] });
  const client = new Client({ name: 'test', version: '1.0.0' });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(broker.url), { requestInit }));
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}
