// A store that takes nothing for a while, seen from outside: calls are refused in plain words, /readyz says so, and both recover.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';

let broker: TestBroker;
let agent: string;

beforeAll(async () => {
  broker = await startTestBroker({ config: { durableWithin: '2s' } });
  agent = await broker.provider.accessToken({ agent: 'support-agent' });
});
afterAll(() => broker[Symbol.asyncDispose]());

async function refund(order: number): Promise<{ text: string; isError: boolean }> {
  const headers = { ...MCP_HEADERS, authorization: `Bearer ${agent}` };
  const body = legacyCall(order, 'refund_order', { order_id: order, amount: 5 });
  const { json } = await send(new URL(broker.url), { headers, body });
  const { result } = json as { result: { content: { text: string }[]; isError?: boolean } };
  return { text: result.content[0]!.text, isError: result.isError === true };
}

const refunded = async (order: number): Promise<boolean> => {
  const [row] = await broker.database.query<{ refunded: boolean }>('select refunded from orders where id = $1', [
    order,
  ]);
  return row!.refunded;
};
const readiness = async () => {
  const answer = await fetch(`${broker.publicUrl}/readyz`);
  return { status: answer.status, store: ((await answer.json()) as { checks: { store: string } }).checks.store };
};

test('an entry that is not durable in time refuses the call, turns /readyz red, and both recover by themselves', async () => {
  expect(await refund(1001)).toMatchObject({ isError: false });
  expect(await readiness()).toEqual({ status: 200, store: 'ok' });

  // The broker writes, too: its turn is waited for.
  const other = new DatabaseSync(join(broker.dataDirectory, 'sallyport.db'), { timeout: 20_000 });
  other.exec('begin immediate');
  expect(await refund(1002)).toEqual({
    isError: true,
    text: expect.stringContaining('cannot keep its record at the moment, so the call was not made') as string,
  });
  expect(await readiness()).toEqual({ status: 503, store: 'failing' });
  expect(await refunded(1002)).toBe(false);

  other.exec('rollback');
  other.close();
  await expect.poll(readiness).toEqual({ status: 200, store: 'ok' });
  await expect.poll(() => refund(1002)).toMatchObject({ isError: false });
  expect(await refunded(1002)).toBe(true);
});
