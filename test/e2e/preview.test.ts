// What an approver is shown of a call's effect: a look that is an invocation of its own, on the real Postgres.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalStory, type ShownApproval } from '../../src/cli/approval-text.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';
import { refundsOn } from '../support/waiting-refunds.ts';

const POLICIES = `version: 1
tools:
  mail_customer:
    backend: shop
    sql: >-
      update orders set refunded = true
      where customer_id = (select id from customers where email = :email) and status <> :reason
    input:
      email: { type: string, accepts: [email] }
      reason: { type: string }
    mask: [{ path: '$.rows[*].email', with: redact }]
    maskArguments: [{ path: $.reason, with: redact }]
    preview:
      sql: select name, email, 'secret' as password_hash from customers where email = :email
  writes_anyway:
    backend: shop
    sql: update orders set refunded = true where id = :id
    input: { id: { type: integer } }
    preview: { sql: 'select planted(:id)' }
  sleeps:
    backend: shop
    sql: update orders set refunded = true where id = :id
    input: { id: { type: integer } }
    limits: { timeout: 300ms }
    preview: { sql: 'select :id::int as id, pg_sleep(20)::text as slept' }
rules:
  - id: finance-decides
    effect: require_approval
    tools: [mail_customer, writes_anyway, sleeps]
    approval: { approvers: { groups: [finance] }, quorum: 1 }
`;

let broker: TestBroker;
let finn: string;
let agent: string;

beforeAll(async () => {
  broker = await startTestBroker();
  await broker.database.query(
    `create function planted(who integer) returns text language plpgsql security definer as
     $$ begin update customers set plan = 'business' where id = who; return 'done'; end $$`,
  );
  await writeFile(join(broker.policiesDirectory, 'preview.yaml'), POLICIES);
  await broker.open.reloadPolicies();
  finn = (await broker.provider.signIn('finn@shop.example')).accessToken;
  agent = await broker.provider.accessToken({ agent: 'support-agent' });
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Listed {
  readonly approvals: readonly { readonly id: string; readonly tool: string }[];
}

async function api(path: string): Promise<unknown> {
  const response = await fetch(`${broker.publicUrl}/api/v1${path}`, { headers: { authorization: `Bearer ${finn}` } });
  return response.json();
}

/** Resolves with the approval once it is asked for; the call goes on waiting, and is let go at the end of the run. */
async function ask(tool: string, args: object): Promise<ShownApproval> {
  const headers = { ...MCP_HEADERS, authorization: `Bearer ${agent}` };
  void send(new URL(broker.url), { headers, body: legacyCall(1, tool, args) }).catch(() => undefined);
  for (;;) {
    const { approvals } = (await api('/approvals?state=pending')) as Listed;
    const found = approvals.find((one) => one.tool === tool);
    if (found !== undefined) return (await api(`/approvals/${found.id}`)) as ShownApproval;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function entriesOf(tool: string): Promise<Record<string, unknown>[]> {
  using reader = openSqliteReader(join(broker.dataDirectory, 'sallyport.db'));
  const found = await storeLogSource(reader).entries({ tool }, 50);
  return found.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
}

describe('a preview', () => {
  it('tells the approver what the call would touch and how, and has its own intent and outcome before anybody is asked', async () => {
    const shown = await ask('refund_order', { order_id: 1003, amount: 60 });
    expect(shown.preview?.lines).toEqual(['order 1003, sent: 123.75 EUR paid, not refunded before']);
    expect(shown.preview?.plan).toContain('Update on orders');
    const entries = await entriesOf('refund_order');
    expect(entries.map(({ type }) => type)).toEqual(['intent', 'outcome', 'approval.requested']);
    const [intent, outcome, requested] = entries;
    expect(intent).toMatchObject({ preview: shown.id, decision: { effect: 'require_approval' } });
    expect(intent?.['approval']).toBeUndefined();
    expect(outcome).toMatchObject({ invocation: intent?.['invocation'], outcome: 'succeeded' });
    expect(requested).toMatchObject({ approval: shown.id, preview: intent?.['invocation'] });
    expect(requested?.['invocation']).not.toBe(intent?.['invocation']);
    expect(await refundsOn(broker).isRefunded(1003)).toBe(false);
    expect(approvalStory(shown, Date.now())).toMatch(/What it would do[\s\S]*order 1003[\s\S]*Update on orders/);
  });

  it('is shown through the masks of the tool and of the backend, and its plan tells no argument', async () => {
    const shown = await ask('mail_customer', { email: 'ada@example.com', reason: 'a private matter' });
    expect(shown.preview?.lines).toEqual(['email: [redacted], name: Ada Marsh']);
    expect(shown.preview?.plan).toContain('Update on orders');
    expect(shown.preview?.plan).toContain('$1');
    expect(JSON.stringify(shown)).not.toMatch(/a private matter|password_hash|secret/);
  });

  it('runs READ ONLY, whatever it calls: then it says that it could not be made', async () => {
    const shown = await ask('writes_anyway', { id: 1 });
    expect(shown.preview).toEqual({ withheld: 'It could not be made: backend failed.' });
    const outcome = (await entriesOf('writes_anyway')).find(({ type }) => type === 'outcome');
    expect(outcome?.['detail']).toContain('25006');
    const [row] = await broker.database.query('select plan from customers where id = 1');
    expect(row?.['plan']).not.toBe('business');
    expect(approvalStory(shown, Date.now())).toContain('It could not be made');
  });

  it('takes a bounded time, and keeps nobody from being asked', async () => {
    const began = Date.now();
    const shown = await ask('sleeps', { id: 1 });
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(shown.preview).toEqual({ withheld: 'It could not be made: deadline exceeded.' });
  });
});
