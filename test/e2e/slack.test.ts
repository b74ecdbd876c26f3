// Approvals in Slack, over a whole broker: messages go out to the stand-in, signed clicks come back over HTTP.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startSlackStandIn,
  type Click,
  type SlackStandIn,
  type StandInMessage,
} from '../../src/demo/slack-stand-in.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';

const USERS = [
  { id: 'U0FINN', name: 'Finn', email: 'finn@shop.example' },
  { id: 'U0FRAN', name: 'Fran', email: 'fran@shop.example' },
  { id: 'U0SAM', name: 'Sam', email: 'sam@shop.example' },
  { id: 'U0FAYE', name: 'Faye', email: 'faye@shop.example' },
  { id: 'U0NOBODY', name: 'Nobody', email: 'nobody@shop.example' },
  { id: 'U0GUEST', name: 'Guest', email: 'finn@shop.example', team: 'T0ELSEWHERE' },
];
const FINN = { subject: 'finn@shop.example', name: 'Finn', groups: ['finance'] };
const PEOPLE = {
  U0FINN: FINN,
  U0FRAN: { subject: 'fran@shop.example', groups: ['finance'] },
  U0SAM: { subject: 'sam@shop.example', groups: ['security'] },
  U0FAYE: { subject: 'faye@shop.example', groups: ['support', 'finance'] },
};
/** Those that cost more than what is refunded here. */
const orders = [1003, 1004, 1005, 1006, 1009, 1010, 1011, 1012, 1015, 1016, 1017, 1018, 1021, 1022, 1023, 1024];
const yes: Click = { user: 'U0FINN', verdict: 'approve', reason: 'the goods came back' };

let policies: string;
beforeAll(async () => {
  policies = await mkdtemp(join(tmpdir(), 'sallyport-slack-'));
  await cp('policies', policies, { recursive: true });
  const rules = await readFile(join(policies, 'rules.yaml'), 'utf8');
  const notifying = rules.replace('reason: required', 'reason: required, notify: [slack]');
  await writeFile(join(policies, 'rules.yaml'), notifying);
});
afterAll(() => rm(policies, { recursive: true }));

interface Site extends AsyncDisposable {
  readonly slack: SlackStandIn;
  readonly broker: TestBroker;
  /** A refund that waits, its message in Slack, and the reply the agent gets in the end. */
  askForRefund(token?: string): Promise<{ order: number; message: StandInMessage; reply: Promise<{ json: unknown }> }>;
  callAgent(order: number, token?: string): Promise<{ json: unknown }>;
  query(sql: string): Record<string, unknown>[];
}

async function startSite(settings: (slack: SlackStandIn) => object): Promise<Site> {
  await using starting = new AsyncDisposableStack();
  const slack = starting.use(await startSlackStandIn({ users: USERS }));
  const config = { approvals: { slack: settings(slack) } };
  const broker = starting.use(await startTestBroker({ policies, config }));
  broker.provider.registerPerson({ email: 'faye@shop.example', name: 'Faye', groups: ['support', 'finance'] });
  slack.callBack(`${broker.publicUrl}/hooks/slack`);
  const site = starting.move();

  async function callAgent(order: number, token?: string): Promise<{ json: unknown }> {
    const bearer = token ?? (await broker.provider.accessToken({ agent: 'support-agent' }));
    return send(new URL(broker.url), {
      headers: { ...MCP_HEADERS, authorization: `Bearer ${bearer}` },
      body: legacyCall(order, 'refund_order', { order_id: order, amount: 60 }),
    });
  }
  return {
    slack,
    broker,
    callAgent,
    async askForRefund(token) {
      const order = orders.shift()!;
      const before = slack.messages.length;
      const reply = callAgent(order, token);
      await expect.poll(() => slack.messages.length, { timeout: 10_000 }).toBe(before + 1);
      return { order, message: slack.messages.at(-1)!, reply };
    },
    query(sql) {
      using store = new DatabaseSync(join(broker.dataDirectory, 'sallyport.db'), { readOnly: true });
      return store.prepare(sql).all();
    },
    [Symbol.asyncDispose]: () => site.disposeAsync(),
  };
}

const textOf = ({ blocks }: StandInMessage): string => blocks.map(({ text }) => text?.text ?? '').join('\n');

describe('with a webhook and a signing secret', () => {
  let site: Site;
  beforeAll(async () => {
    site = await startSite(({ webhook, signingSecret }) => ({ webhook, signingSecret, users: PEOPLE }));
  });
  afterAll(() => site[Symbol.asyncDispose]());

  const reviews = (): unknown => site.query('select count(*) as n from reviews')[0]?.['n'];

  it('shows what will run, takes one click, runs the call once and changes the message', async () => {
    const { order, message, reply } = await site.askForRefund();
    expect(textOf(message)).toContain(`"order_id": ${order}`);
    expect(textOf(message)).toContain('large-refunds-need-finance');
    expect((await site.slack.click(message.ts, yes)).status).toBe(200);
    expect((await reply).json).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
    await expect.poll(() => textOf(message), { timeout: 5_000 }).toContain('let through');
    expect(textOf(message)).toContain('the goods came back');
    expect(message.blocks.some(({ type }) => type === 'actions')).toBe(false);
    expect(site.slack.messages.filter((one) => textOf(one).includes('let through'))).toHaveLength(1);
  });

  it('refuses callbacks that are unsigned, tampered with, old, of a time to come, or heard before', async () => {
    const { message, reply } = await site.askForRefund();
    const { slack, broker } = site;
    const hook = `${broker.publicUrl}/hooks/slack`;
    const before = reviews();
    const body = slack.payload(message.ts, yes);
    const now = Math.floor(Date.now() / 1_000);
    const { 'x-slack-signature': signature, 'x-slack-request-timestamp': time, ...plain } = slack.sign(body).headers;
    const good = slack.sign(body);
    for (const refused of [
      { ...good, headers: plain },
      { ...good, headers: { ...plain, 'x-slack-request-timestamp': time! } },
      { ...good, headers: { ...plain, 'x-slack-signature': signature! } },
      { ...good, headers: { ...good.headers, 'x-slack-signature': 'v0=00' } },
      { ...good, headers: { ...good.headers, 'x-slack-request-timestamp': String(now - 1) } },
      { ...good, body: body.replace('U0FINN', 'U0FRAN') },
      slack.sign(body, now - 310),
      slack.sign(body, now + 310),
    ]) {
      expect((await fetch(hook, refused)).status).toBe(401);
    }
    expect((await fetch(hook)).status).toBe(405);
    expect(reviews()).toBe(before);

    const stranger = slack.sign(slack.payload(message.ts, { ...yes, user: 'U0NOBODY' }));
    expect((await fetch(hook, stranger)).status).toBe(200);
    const again = await fetch(hook, stranger);
    expect(again.status).toBe(401);
    expect(await again.text()).toContain('heard before');
    expect(reviews()).toBe(before);
    await slack.click(message.ts, { ...yes, verdict: 'deny', reason: 'tidying up' });
    expect(JSON.stringify((await reply).json)).toContain('Finn declined this call and said: tidying up');
  });

  it('counts nobody who is unknown, not asked, gives no reason or asks for themselves, and tells them why', async () => {
    const own = await site.broker.provider.accessToken({ agent: 'support-agent', subject: 'faye@shop.example' });
    const { message, reply } = await site.askForRefund(own);
    const before = reviews();
    const told = async (click: Click): Promise<string | undefined> => {
      expect((await site.slack.click(message.ts, click)).status).toBe(200);
      return site.slack.ephemeral.at(-1);
    };
    expect(await told({ ...yes, user: 'U0NOBODY' })).toContain('does not know who you are');
    expect(await told({ ...yes, user: 'U0SAM' })).toContain('does not name you');
    expect(await told({ ...yes, user: 'U0FAYE' })).toContain('nobody decides about their own call');
    expect(await told({ user: 'U0FINN', verdict: 'approve' })).toContain('Give a reason');
    expect(reviews()).toBe(before);
    expect(site.query("select state from approvals where state = 'pending'")).toHaveLength(1);
    await site.slack.click(message.ts, { ...yes, verdict: 'deny' });
    await reply;
  });

  it('uses an approval once when two people, or one twice, click in the same moment', async () => {
    const { order, message, reply } = await site.askForRefund();
    const clicks = [yes, yes, { ...yes, user: 'U0FRAN' }].map((click) => site.slack.click(message.ts, click));
    for (const answer of await Promise.all(clicks)) expect(answer.status).toBe(200);
    expect((await reply).json).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
    const used = site.query(`select invocation from approvals where state = 'used' order by id desc limit 1`);
    expect(used).toHaveLength(1);
    const rows = await site.broker.database.query('select refunded from orders where id = $1', [order]);
    expect(rows).toEqual([{ refunded: true }]);
  });

  it('delivers later what Slack would not take, as late as it asks, and delays no call', async () => {
    const { slack } = site;
    slack.answerWith(429, { 'retry-after': '2' });
    const before = slack.messages.length;
    const startedAt = Date.now();
    const reply = site.callAgent(orders.shift()!);
    const waiting = `select attempts, error, due_at from deliveries where state = 'waiting' and part = 'request'`;
    await expect.poll(() => site.query(waiting)[0]?.['error'], { timeout: 5_000 }).toBe('Slack asks to wait');
    expect(Number(site.query(waiting)[0]?.['due_at'])).toBeGreaterThanOrEqual(startedAt + 2_000);
    const [approval] = site.query('select id from approvals order by id desc limit 1');
    const { accessToken } = await site.broker.provider.signIn('finn@shop.example');
    const shown = await fetch(`${site.broker.publicUrl}/api/v1/approvals/${String(approval?.['id'])}`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(await shown.json()).toMatchObject({
      deliveries: [{ channel: 'slack', part: 'request', state: 'waiting', error: 'Slack asks to wait' }],
    });
    slack.answerWith(undefined);
    await expect.poll(() => slack.messages.length, { timeout: 10_000 }).toBe(before + 1);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2_000);
    await slack.click(slack.messages.at(-1)!.ts, yes);
    await reply;
  });
});

describe('with a webhook alone', () => {
  it('links to the page of the approval, and tells in a message of its own what became of it', async () => {
    await using site = await startSite(({ webhook }) => ({ webhook }));
    const { message, reply } = await site.askForRefund();
    expect(message.blocks.map(({ type }) => type)).not.toContain('actions');
    const [approval] = site.query('select id from approvals');
    const id = String(approval?.['id']);
    expect(textOf(message)).toContain(`<${site.broker.publicUrl}/console/approvals/${id}|Open and decide>`);
    const { accessToken } = await site.broker.provider.signIn('finn@shop.example');
    await fetch(`${site.broker.publicUrl}/api/v1/approvals/${id}/reviews`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${accessToken}` },
      body: JSON.stringify({ verdict: 'deny', reason: '<!channel> `not` ours' }),
    });
    await reply;
    await expect.poll(() => site.slack.messages.length, { timeout: 5_000 }).toBe(2);
    expect(textOf(site.slack.messages[1]!)).toContain('&lt;!channel&gt; \\u0060not\\u0060 ours');
    expect((await fetch(`${site.broker.publicUrl}/hooks/slack`, site.slack.sign('payload={}'))).status).toBe(404);
  });
});

describe('with a bot', () => {
  it('asks in a dialog, knows members of its workspace by their address, and changes the message wherever it was decided', async () => {
    await using site = await startSite(({ channel, botToken, api, signingSecret }) => {
      return { channel, botToken, api, signingSecret, users: { 'finn@shop.example': FINN } };
    });
    const { slack } = site;
    const { message, reply } = await site.askForRefund();
    expect(message.blocks.map(({ type }) => type)).not.toContain('input');
    const reviews = (): unknown => site.query('select count(*) as n from reviews')[0]?.['n'];

    await slack.click(message.ts, { user: 'U0GUEST', verdict: 'approve' });
    await slack.submit({ reason: 'let me' });
    expect(slack.dialogs.at(-1)?.errors.join()).toContain('does not know who you are');
    await slack.click(message.ts, { user: 'U0FINN', verdict: 'approve' });
    await slack.submit({});
    expect(slack.dialogs.at(-1)?.errors.join()).toContain('Give a reason');
    expect(reviews()).toBe(0);

    const tampered = slack.sign(slack.submission({ reason: 'mine' }));
    const hook = `${site.broker.publicUrl}/hooks/slack`;
    expect((await fetch(hook, { ...tampered, body: tampered.body.replace('mine', 'ours') })).status).toBe(401);
    expect(reviews()).toBe(0);
    await slack.submit({ reason: 'the goods came back' });
    expect(slack.dialogs.map(({ user }) => user)).toEqual(['U0GUEST']);
    expect((await reply).json).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
    await expect.poll(() => textOf(message), { timeout: 5_000 }).toContain('let through');
    expect(textOf(message)).toContain('the goods came back');
    expect(slack.messages).toHaveLength(1);
  });
});

describe('where a rule lets people give access for a while', () => {
  it('is chosen in the message, within what the rule permits', async () => {
    await using site = await startSite(({ webhook, signingSecret }) => ({ webhook, signingSecret, users: PEOPLE }));
    const file = join(site.broker.policiesDirectory, 'rules.yaml');
    const rules = await readFile(file, 'utf8');
    const grant = 'notify: [slack] }\n    grant: { atMost: 30m, uses: 3 }';
    await writeFile(file, rules.replace('notify: [slack] }', grant));
    await site.broker.open.reloadPolicies();
    const { message, reply } = await site.askForRefund();
    const choices = message.blocks.flatMap(({ element }) => element?.options ?? []).map(({ value }) => value);
    expect(choices).toEqual(['call', '300000:3', '900000:3', '1800000:3']);

    const wide = new URLSearchParams(site.slack.payload(message.ts, { ...yes, grant: '300000:3' })).get('payload')!;
    const body = new URLSearchParams({ payload: wide.replaceAll('"300000:3"', '"9000000:3"') }).toString();
    await fetch(`${site.broker.publicUrl}/hooks/slack`, site.slack.sign(body));
    expect(site.query('select * from grants')).toEqual([]);
    await site.slack.click(message.ts, { ...yes, grant: '300000:3' });
    expect((await reply).json).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
    await expect.poll(() => textOf(message), { timeout: 5_000 }).toContain('up to 3 calls within 5 minutes');
    expect(site.query('select uses, uses_left from grants')).toEqual([{ uses: 3, uses_left: 2 }]);
  });
});
