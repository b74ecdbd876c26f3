// What an approval is good for, over the real surface: the call that was approved, and nothing that differs from it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';
import type { RefundReply } from '../support/waiting-refunds.ts';

let broker: TestBroker;
let finn: string;
let agent: string;

beforeAll(async () => {
  // The tool has five seconds of this, so that callers are told soon that their call is pending.
  broker = await startTestBroker({ waits: { roundMs: 800, holdMs: 5_300 } });
  finn = (await broker.provider.signIn('finn@shop.example')).accessToken;
  agent = await broker.provider.accessToken({ agent: 'support-agent' });
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Told {
  /** Of the approval that the call waits for; undefined where it ran. */
  readonly pending: string | undefined;
  readonly rows: number | undefined;
}

async function call(args: { order_id: number; amount: number }, token = agent): Promise<Told> {
  const headers = { ...MCP_HEADERS, authorization: `Bearer ${token}` };
  const { json } = await send(new URL(broker.url), { headers, body: legacyCall(1, 'refund_order', args) });
  const { result } = json as RefundReply;
  const [, pending] = /\(approval ([0-9a-f-]{36})\)/.exec(result.content[0]?.text ?? '') ?? [];
  return { pending, rows: result.structuredContent?.rowCount };
}

/** A call that waits, and has been approved since. */
async function approved(args: { order_id: number; amount: number }): Promise<string> {
  const { pending } = await call(args);
  const response = await fetch(`${broker.publicUrl}/api/v1/approvals/${pending!}/reviews`, {
    method: 'POST',
    headers: { authorization: `Bearer ${finn}`, 'content-type': 'application/json' },
    body: JSON.stringify({ verdict: 'approve', reason: 'this one' }),
  });
  expect(response.status).toBe(201);
  return pending!;
}

async function isRefunded(order: number): Promise<boolean> {
  const [row] = await broker.database.query('select refunded from orders where id = $1', [order]);
  return row?.['refunded'] === true;
}

/** Something else is asked about: neither the approval is used, nor does anything run. */
async function expectAnotherApproval(told: Promise<Told>, than: string): Promise<void> {
  const { pending, rows } = await told;
  expect(rows).toBeUndefined();
  expect(pending).toMatch(/^[0-9a-f-]{36}$/);
  expect(pending).not.toBe(than);
}

test('a call with other arguments, and that of another principal, are other calls', async () => {
  const args = { order_id: 1003, amount: 60 };
  const id = await approved(args);
  await expectAnotherApproval(call({ ...args, amount: 60.01 }), id);
  await expectAnotherApproval(call({ ...args, order_id: 1004 }), id);
  const forAda = await broker.provider.accessToken({ agent: 'support-agent', subject: 'ada@shop.example' });
  await expectAnotherApproval(call(args, forAda), id);
  const another = await broker.provider.accessToken({ agent: 'night-agent', groups: ['support'] });
  await expectAnotherApproval(call(args, another), id);
  expect([await isRefunded(1003), await isRefunded(1004)]).toEqual([false, false]);
  expect(await call(args)).toEqual({ pending: undefined, rows: 1 });
});

test.each([
  ['tool', 'shop.yaml', 'description: Refunds an order', 'description: Refunds any order'],
  ['backend', 'shop.yaml', 'ttl: 5m', 'ttl: 6m'],
  ['rule', 'rules.yaml', 'when: args.amount > 50.0', 'when: args.amount > 49.0'],
])('a call whose %s is declared otherwise since is another call', async (_, name, from, to) => {
  const args = { order_id: 1005, amount: 60 };
  const file = join(broker.policiesDirectory, name);
  const plain = await readFile(file, 'utf8');
  const id = await approved(args);
  await writeFile(file, plain.replace(from, to));
  await broker.open.reloadPolicies();
  expect(await readFile(file, 'utf8')).not.toBe(plain);
  await expectAnotherApproval(call(args), id);
  expect(await isRefunded(1005)).toBe(false);

  // As it was declared before, it is the call that was approved.
  await writeFile(file, plain);
  await broker.open.reloadPolicies();
  expect(await call(args)).toEqual({ pending: undefined, rows: 1 });
  await broker.database.query('update orders set refunded = false, refund_amount = null where id = 1005');
});
