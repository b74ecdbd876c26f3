// Access for a while over the real surface: a rule allows it, a person gives it over the API, and takes it back.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';

let broker: TestBroker;
let agent: string;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  broker = await startTestBroker();
  const file = join(broker.policiesDirectory, 'rules.yaml');
  const rules = await readFile(file, 'utf8');
  const changed = rules.replace(
    'approval: { approvers: { groups: [finance] }, expires: 15m, reason: required }',
    'approval: { approvers: { groups: [finance] }, justification: required }\n' +
      '    grant: { atMost: 30m, uses: 3, same: [amount] }',
  );
  expect(changed).not.toBe(rules);
  await writeFile(file, changed);
  await broker.open.reloadPolicies();
  agent = await broker.provider.accessToken({ agent: 'support-agent' });
  for (const name of ['finn', 'paula', 'ada']) {
    tokens[name] = (await broker.provider.signIn(`${name}@shop.example`)).accessToken;
  }
});
afterAll(() => broker[Symbol.asyncDispose]());

async function api(path: string, as: string, body?: unknown) {
  const headers = { authorization: `Bearer ${tokens[as] ?? ''}`, 'content-type': 'application/json' };
  const init = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${broker.publicUrl}/api/v1${path}`, init);
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is asserted, not typed
  return { status: response.status, body: (await response.json()) as any };
}

async function refund(order: number, amount: number) {
  const args = { order_id: order, amount, justification: 'the parcel was lost' };
  const headers = { ...MCP_HEADERS, authorization: `Bearer ${agent}`, 'mcp-session-id': 'one-run' };
  return (await send(new URL(broker.url), { headers, body: legacyCall(order, 'refund_order', args) })).json;
}

async function pending(): Promise<string> {
  const waiting = async () => (await api('/approvals?state=pending', 'finn')).body.approvals as { id: string }[];
  await expect.poll(async () => (await waiting()).length).toBe(1);
  return (await waiting())[0]!.id;
}

test('a grant is given in the place of one call, serves the next, is listed, and is taken back', async () => {
  const first = refund(1003, 60);
  const id = await pending();
  expect((await api(`/approvals/${id}`, 'finn')).body).toMatchObject({
    arguments: { order_id: 1003, amount: 60 },
    justification: 'the parcel was lost',
    grant: { atMostMs: 1_800_000, uses: 3, same: ['amount'] },
  });
  const give = (uses: number) =>
    api(`/approvals/${id}/reviews`, 'finn', { verdict: 'approve', grant: { forMs: 600_000, uses } });
  expect(await give(4)).toMatchObject({ status: 422, body: { code: 'grant_too_wide' } });
  expect(await give(3)).toMatchObject({ status: 201, body: { state: 'used', reviews: [{ grant: { uses: 3 } }] } });
  expect(await first).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
  expect(await refund(1004, 60)).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });

  const listed = await api('/grants', 'paula');
  expect(listed.body.grants).toMatchObject([{ approval: id, tool: 'refund_order', uses: 3, usesLeft: 1 }]);
  expect((await api('/grants', 'ada')).body).toEqual({ grants: [] });
  const revocation = `/grants/${String(listed.body.grants[0].id)}/revocation`;
  expect(await api(revocation, 'paula', {})).toMatchObject({ status: 403, body: { code: 'not_an_approver' } });
  expect(await api(revocation, 'finn', {})).toMatchObject({ status: 200, body: { revoked: true } });
  expect(await api(revocation, 'finn', {})).toMatchObject({ status: 409, body: { code: 'over' } });
  expect((await api('/grants', 'finn')).body).toEqual({ grants: [] });
  expect((await api('/grants?running=false', 'finn')).body.grants).toHaveLength(1);

  const asked = refund(1005, 60);
  const again = await pending();
  expect(await api(`/approvals/${again}/reviews`, 'finn', { verdict: 'deny' })).toMatchObject({ status: 201 });
  expect(JSON.stringify(await asked)).toContain('Finn declined this call');
});
