// The people's API of a whole broker: a real agent's call waits, and real people of the real provider decide about it.
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';

let broker: TestBroker;
let api: string;
/** Those that cost more than what is refunded here. */
const orders = [1003, 1004, 1005, 1006, 1009, 1010, 1011, 1012, 1015, 1016, 1017, 1018, 1021, 1022, 1023, 1024];
const tokens: Record<string, string> = {};

beforeAll(async () => {
  broker = await startTestBroker();
  api = `${broker.publicUrl}/api/v1`;
  broker.provider.registerPerson({ email: 'faye@shop.example', name: 'Faye', groups: ['support', 'finance'] });
  for (const name of ['ada', 'finn', 'faye', 'paula', 'sam']) {
    tokens[name] = (await broker.provider.signIn(`${name}@shop.example`)).accessToken;
  }
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is asserted, not typed
  readonly body: any;
}

async function ask(path: string, as: string | undefined, init: RequestInit = {}): Promise<Answer> {
  const authorization = as === undefined ? {} : { authorization: `Bearer ${tokens[as] ?? as}` };
  const response = await fetch(api + path, { ...init, headers: { ...authorization, ...(init.headers as object) } });
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, type: headers.get('content-type'), body: text === '' ? undefined : JSON.parse(text) };
}

function review(id: string, as: string, said: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  return ask(`/approvals/${id}/reviews`, as, { method: 'POST', headers, body: JSON.stringify(said) });
}

const yes = { verdict: 'approve', reason: 'the goods came back' };

/** A refund that waits for finance: its approval's id, and the reply the agent gets in the end. */
async function askForRefund(token?: string) {
  const bearer = token ?? (await broker.provider.accessToken({ agent: 'support-agent' }));
  const order = orders.shift()!;
  const before = new Set(
    ((await ask('/approvals?limit=500', 'paula')).body.approvals as { id: string }[]).map(({ id }) => id),
  );
  const reply = send(new URL(broker.url), {
    headers: { ...MCP_HEADERS, authorization: `Bearer ${bearer}` },
    body: legacyCall(order, 'refund_order', { order_id: order, amount: 60 }),
  });
  for (;;) {
    const { approvals } = (await ask('/approvals?limit=500', 'paula')).body as { approvals: { id: string }[] };
    const fresh = approvals.find(({ id }) => !before.has(id));
    if (fresh !== undefined) return { id: fresh.id, order, reply };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("the people's API", () => {
  it('tells people who they are, and which roles they have', async () => {
    expect((await ask('/whoami', 'paula')).body).toEqual({
      issuer: broker.provider.issuer,
      subject: 'paula@shop.example',
      name: 'Paula',
      groups: ['platform'],
      roles: ['admin'],
    });
  });

  it('shows an approver what will run, takes one yes, and the call runs once', async () => {
    const { id, order, reply } = await askForRefund();
    const { status, body } = await ask(`/approvals/${id}`, 'finn');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id,
      state: 'pending',
      tool: 'refund_order',
      backend: 'shop',
      principal: { actor: 'support-agent' },
      arguments: { order_id: order, amount: 60 },
      requirements: [{ rule: 'large-refunds-need-finance', approvers: { groups: ['finance'], people: [] }, quorum: 1 }],
      mayApprove: true,
      mayDeny: true,
      reasonRequired: true,
      reviews: [],
      page: `${broker.publicUrl}/console/approvals/${id}`,
    });
    expect(body.digest).toMatch(/^[\w+/=-]{12}$/);
    const answered = await review(id, 'finn', yes);
    expect(answered).toMatchObject({ status: 201, body: { reviews: [{ person: { name: 'Finn' }, ...yes }] } });
    expect((await reply).json).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'used', mayApprove: false });
  });

  it('lists to each person what they may open, and nothing else', async () => {
    const { id, reply } = await askForRefund();
    const ids = async (as: string, query = ''): Promise<string[]> =>
      ((await ask(`/approvals${query}`, as)).body.approvals as { id: string }[]).map((one) => one.id);
    for (const person of ['finn', 'paula', 'sam']) expect(await ids(person)).toContain(id);
    expect(await ids('ada')).toEqual([]);
    expect(await ids('finn', '?state=pending&limit=1')).toEqual([id]);
    expect(await ids('finn', '?state=denied')).not.toContain(id);
    expect(await ask(`/approvals/${id}`, 'ada')).toMatchObject({ status: 403, body: { code: 'closed_to_you' } });
    await review(id, 'finn', { verdict: 'deny', reason: 'not ours' });
    expect(JSON.stringify((await reply).json)).toContain('Finn declined this call and said: not ours');
  });

  it('counts nobody whom the rule does not ask, whatever their role', async () => {
    const { id, reply } = await askForRefund();
    for (const person of ['paula', 'sam', 'ada']) {
      expect(await review(id, person, yes)).toMatchObject({ status: 403, body: { code: 'not_an_approver' } });
    }
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'pending', reviews: [] });
    await review(id, 'finn', { verdict: 'deny', reason: 'tidying up' });
    await reply;
  });

  it('lets nobody approve a call that is made on their own behalf', async () => {
    const own = await broker.provider.accessToken({ agent: 'support-agent', subject: 'faye@shop.example' });
    const hers = await askForRefund(own);
    expect(await review(hers.id, 'faye', yes)).toMatchObject({ status: 403, body: { code: 'own_call' } });
    expect((await ask(`/approvals/${hers.id}`, 'faye')).body).toMatchObject({ mayApprove: false, mayDeny: false });
    expect((await review(hers.id, 'finn', yes)).status).toBe(201);
    await hers.reply;
  });
});
