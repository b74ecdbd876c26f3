// Two whole brokers on one store: what an operator or an agent says to the one holds for the calls on the other, over real HTTP.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANCELLATION_POLL_MS } from '../../src/core/limits.ts';
import { startBrokerBeside, startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';
import { onePostgres } from '../support/shared-store.ts';

const MORE_POLICIES = `
version: 1
tools:
  slow:
    backend: shop
    sql: select 1 as one from pg_sleep(:seconds)
    readOnly: true
    input: { seconds: { type: number } }
    limits: { timeout: 30s }
rules:
  - { id: slow, effect: allow, principals: { groups: [support] }, tools: [slow] }
`;
const why = { reason: 'it went astray' };

interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is asserted, not typed
  readonly body: any;
}

interface Called {
  readonly result: { readonly isError?: boolean; readonly content: readonly { readonly text: string }[] };
}

describe.each(['SQLite', 'Postgres'])('two brokers on one %s', (engine) => {
  let stack: AsyncDisposableStack;
  let here: TestBroker;
  let there: TestBroker;
  let agent: string;
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    const config = engine === 'SQLite' ? {} : { store: stack.use(await onePostgres()).url };
    here = stack.use(await startTestBroker({ config }));
    writeFileSync(join(here.policiesDirectory, 'slow.yaml'), MORE_POLICIES);
    await here.open.reloadPolicies();
    there = stack.use(await startBrokerBeside(here, { config }));
    agent = await here.provider.accessToken({ agent: 'support-agent' });
    for (const name of ['ada', 'finn', 'paula', 'sam']) {
      tokens[name] = (await here.provider.signIn(`${name}@shop.example`)).accessToken;
    }
  });
  afterAll(() => stack.disposeAsync());

  async function ask(path: string, as: string, body?: object): Promise<Answer> {
    const response = await fetch(`${here.publicUrl}/api/v1${path}`, {
      headers: { authorization: `Bearer ${tokens[as] ?? as}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  let lastId = 0;
  async function call(broker: TestBroker, tool: string, args: object): Promise<string> {
    const headers = { ...MCP_HEADERS, authorization: `Bearer ${agent}` };
    const { json } = await send(new URL(broker.url), { headers, body: legacyCall(++lastId, tool, args) });
    const { result } = json as Called;
    return result.isError === true ? (result.content[0]?.text ?? '') : 'result';
  }
  const look = (broker: TestBroker): Promise<string> => call(broker, 'find_customer', { email: 'ada@example.com' });

  async function toolsOf(broker: TestBroker): Promise<readonly string[]> {
    const headers = { ...MCP_HEADERS, authorization: `Bearer ${agent}` };
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method: 'tools/list' });
    const { json } = await send(new URL(broker.url), { headers, body });
    return (json as { result: { tools: { name: string }[] } }).result.tools.map(({ name }) => name);
  }

  /** Login roles of leases, and sessions on them, at the database. */
  async function atTheBackend(): Promise<{ readonly roles: number; readonly sessions: number }> {
    const [row] = await here.database.query<{ roles: string; sessions: string }>(
      `select (select count(distinct member) from pg_auth_members m join pg_roles a on a.oid = m.grantor
                where a.rolname = $1 and m.member <> m.grantor) as roles,
              (select count(*) from pg_stat_activity
                where datname = current_database() and usename like 'sallyport\\_%') as sessions`,
      [`admin_${here.database.name}`],
    );
    return { roles: Number(row?.roles), sessions: Number(row?.sessions) };
  }

  async function isRunning(): Promise<void> {
    const running = `select 1 from pg_stat_activity where datname = current_database() and state = 'active' and query like '%pg_sleep%' and usename like 'sallyport\\_%'`;
    await expect.poll(async () => (await here.database.query(running)).length, { timeout: 10_000 }).toBe(1);
  }

  const gone = { roles: 0, sessions: 0 };

  it('a blocked agent: its call is stopped, its login is gone at the backend, what waits is cancelled, and it gets no further', async () => {
    const running = call(there, 'slow', { seconds: 25 });
    const waiting = call(there, 'refund_order', { order_id: 1003, amount: 60 });
    await isRunning();
    await expect.poll(async () => (await ask('/approvals?state=pending', 'finn')).body.approvals.length).toBe(1);
    expect(await atTheBackend()).toMatchObject({ roles: 1 });

    const target = { kind: 'agent', name: 'support-agent' };
    const blocked = await ask('/principals/blocks', 'paula', { ...target, ...why });
    expect(blocked).toEqual({ status: 201, body: { leases: 1, approvals: 1, grants: 0 } });
    expect(await running).toContain('An operator stopped this call');
    expect(await waiting).toContain('An operator has blocked this agent.');
    await expect.poll(atTheBackend, { timeout: 5_000 }).toEqual(gone);
    await expect.poll(async () => (await ask('/leases', 'sam')).body.leases).toEqual([]);
    for (const broker of [here, there]) {
      expect(await look(broker)).toContain('An operator has blocked this agent.');
      expect(await toolsOf(broker)).toEqual([]);
    }
    expect(await atTheBackend()).toEqual(gone);
    expect((await ask('/approvals?state=pending', 'finn')).body.approvals).toEqual([]);
    expect((await ask('/principals', 'sam')).body).toMatchObject({
      blocks: [{ ...target, ...why, person: { subject: 'paula@shop.example' } }],
      sessions: [{ blocked: target }],
    });
    expect((await ask('/principals/unblocks', 'paula', { ...target, ...why })).status).toBe(200);
    await expect.poll(() => look(there)).toBe('result');
  });

  it('a lease that is taken back: its login is gone, its call is stopped, and the next call gets another', async () => {
    const running = call(there, 'slow', { seconds: 25 });
    await isRunning();
    const [lease] = (await ask('/leases', 'paula')).body.leases as { id: string; reference: string }[];
    const role = `select 1 from pg_roles where rolname = $1`;
    expect(await here.database.query(role, [lease!.reference])).toHaveLength(1);
    expect(await ask(`/leases/${lease!.id}/revocation`, 'paula', why)).toMatchObject({ status: 200 });
    expect(await running).toContain('An operator stopped this call');
    await expect.poll(() => here.database.query(role, [lease!.reference]), { timeout: 5_000 }).toEqual([]);
    const again = await ask(`/leases/${lease!.id}/revocation`, 'paula', why);
    expect(again).toMatchObject({ status: 409, body: { code: 'no_change' } });
    expect(await ask('/leases/no-such-lease/revocation', 'paula', why)).toMatchObject({ status: 404 });
    expect(await look(there)).toBe('result');
    const [next] = (await ask('/leases', 'paula')).body.leases as { id: string }[];
    expect(next!.id).not.toBe(lease!.id);
  });

  it('a disabled backend: its calls are stopped, its tools are hidden, its logins are gone, until it is enabled', async () => {
    const running = call(there, 'slow', { seconds: 25 });
    await isRunning();
    expect(await ask('/backends/shop/disablement', 'paula', why)).toMatchObject({ status: 201, body: { leases: 1 } });
    expect(await running).toContain('An operator stopped this call');
    await expect.poll(atTheBackend, { timeout: 5_000 }).toEqual(gone);
    expect(await look(there)).toContain('An operator has switched off the system behind this tool.');
    expect(await toolsOf(there)).toEqual([]);
    const { backends } = (await ask('/backends', 'sam')).body as { backends: object[] };
    expect(backends).toMatchObject([{ name: 'shop', kind: 'postgres', leases: 0, disabled: why }]);
    expect(await ask('/backends/shp/disablement', 'paula', why)).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('did you mean "shop"?') as string },
    });
    for (const name of ['%zz', '%']) {
      const answer = await ask(`/backends/${name}/disablement`, 'paula', why);
      expect(answer).toMatchObject({ status: 404, body: { code: 'unknown' } });
    }
    expect((await ask('/backends/shop/enablement', 'paula', why)).status).toBe(200);
    await expect.poll(() => look(there)).toBe('result');
  });

  it('changes are for admins, reading for auditors too, and neither for anybody else or for agents', async () => {
    const target = { kind: 'agent', name: 'support-agent', ...why };
    const changes = [
      ['/leases/x/revocation', why],
      ['/principals/blocks', target],
      ['/principals/unblocks', target],
      ['/backends/shop/disablement', why],
      ['/backends/shop/enablement', why],
    ] as const;
    for (const [path, body] of changes) {
      for (const person of ['ada', 'finn', 'sam']) {
        expect(await ask(path, person, body)).toMatchObject({ status: 403, body: { code: 'wrong_role' } });
      }
      expect((await ask(path, agent, body)).status).toBe(401);
      const { reason: _, ...withoutReason } = body;
      for (const wrong of [withoutReason, { ...body, reason: '  ' }, { ...body, more: 1 }]) {
        expect(await ask(path, 'paula', wrong)).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
      }
    }
    for (const path of ['/leases', '/principals', '/backends']) {
      for (const person of ['paula', 'sam']) expect((await ask(path, person)).status).toBe(200);
      for (const person of ['ada', 'finn']) expect((await ask(path, person)).status).toBe(403);
      expect((await ask(path, agent)).status).toBe(401);
    }
    expect(await ask('/principals/blocks', 'paula', { ...target, kind: 'group' })).toMatchObject({ status: 400 });
    expect(await look(there)).toBe('result');
  });

  it('a blocked person opens nothing, an admin can block everybody but themselves', async () => {
    const finn = { kind: 'subject', name: 'finn@shop.example', issuer: here.provider.issuer, ...why };
    expect((await ask('/principals/blocks', 'paula', finn)).status).toBe(201);
    for (const path of ['/whoami', '/approvals', '/grants']) {
      expect(await ask(path, 'finn')).toMatchObject({ status: 403, body: { code: 'blocked' } });
    }
    expect((await ask('/whoami', 'sam')).status).toBe(200);
    const paula = { ...finn, name: 'paula@shop.example' };
    expect(await ask('/principals/blocks', 'paula', paula)).toMatchObject({
      status: 409,
      body: { code: 'own_account' },
    });
    expect((await ask('/principals/unblocks', 'paula', finn)).status).toBe(200);
    expect((await ask('/whoami', 'finn')).status).toBe(200);
  });

  it('a 2025-era cancellation that reaches the other broker: it stops the call it means, and no other', async () => {
    const headers = { ...MCP_HEADERS, authorization: `Bearer ${agent}`, 'mcp-session-id': 'run-1' };
    const body = legacyCall(77, 'slow', { seconds: 25 });
    const running = send(new URL(there.url), { headers, body });
    await isRunning();
    const cancel = async (requestId: number | string, more: object = {}): Promise<number> => {
      const said = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
      return (await send(new URL(here.url), { headers: { ...headers, ...more }, body: said })).status;
    };
    const another = await here.provider.accessToken({ agent: 'support-agent', subject: 'ada@shop.example' });
    expect(await cancel('77')).toBe(202);
    expect(await cancel(78)).toBe(202);
    expect(await cancel(77, { 'mcp-session-id': 'run-2' })).toBe(202);
    expect(await cancel(77, { authorization: `Bearer ${another}` })).toBe(202);
    await delay(3 * CANCELLATION_POLL_MS);
    await isRunning();
    expect(await cancel(77)).toBe(202);
    const { result } = (await running).json as Called;
    expect(result).toMatchObject({ isError: true, content: [{ text: 'The call was cancelled.' }] });
    // It was heard, once: the same id means another call now.
    expect(
      (await send(new URL(there.url), { headers, body: legacyCall(77, 'slow', { seconds: 0.5 }) })).json,
    ).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
  });
});
