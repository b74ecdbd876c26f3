// `npm run bench:approvals`: what calls that wait for people cost a broker, whether they outlive it, and how soon one runs after
// the yes. Brokers are processes of their own, callers and people real ones of a real provider.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startPostgres } from '../src/demo/embedded-postgres.ts';
import { startIdentityProvider, type IdentityProvider } from '../src/demo/identity-provider.ts';
import { prepareShop, type Shop } from '../src/demo/shop-postgres.ts';
import { initPostgresStore } from '../src/store/postgres-schema.ts';
import { openSqliteReader } from '../src/store/sqlite-reader.ts';
import { startApprovingBroker, type ApprovingBroker } from './approving-broker.ts';
import { quantile } from './load.ts';

const { values } = parseArgs({
  options: {
    waiting: { type: 'string', default: '1000' },
    decisions: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
});
const waiting = Number(values.waiting);
const decisions = Number(values.decisions);
/** A principal may have 20 approvals pending. */
const PER_CALLER = 20;
/** Once everything was loaded and compiled, and collected once. */
const SETTLE_MS = 10_000;

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
try {
  await using postgres = await startPostgres();
  const shop = await prepareShop(postgres.adminUrl(), { database: 'shop' });
  await using provider = await startIdentityProvider({ tokenTtlSeconds: 3_600 });
  const held = await measureHeld(provider, shop);
  const started = await measureStart(provider, shop, postgres.adminUrl());
  process.stdout.write(values.json ? `${JSON.stringify({ held, started })}\n` : report(held, started));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

interface Held {
  readonly calls: number;
  readonly idleMiB: number;
  readonly aboveIdleMiB: number;
  /** Approvals that are pending after the broker was killed. */
  readonly intact: number;
}

/** Calls on connections of their own, as each client holds one. */
async function measureHeld(provider: IdentityProvider, shop: Shop): Promise<Held> {
  await using broker = await startApprovingBroker({ provider, shop, directory: join(scratch, 'held') });
  const callers = await Promise.all(
    Array.from({ length: Math.ceil(waiting / PER_CALLER) }, (_, index) =>
      provider.accessToken({ subject: `caller-${String(index)}@shop.example`, groups: ['support'] }),
    ),
  );
  const sockets: Socket[] = [];
  const call = async (index: number): Promise<void> => {
    sockets.push(await send(broker.mcp, callers[index % callers.length] ?? '', index));
  };
  // The first calls load and compile what the others find there.
  for (let index = 0; index < callers.length; index += 1) await call(index);
  await untilPending(broker, callers.length);
  await delay(SETTLE_MS);
  const idle = broker.residentBytes();
  for (let index = callers.length; index < waiting; index += 1) await call(index);
  await untilPending(broker, waiting);
  await delay(SETTLE_MS);
  const full = broker.residentBytes();
  await broker.kill();
  for (const socket of sockets) socket.destroy();
  const intact = await countPending(broker);
  return { calls: waiting, idleMiB: idle / 2 ** 20, aboveIdleMiB: (full - idle) / 2 ** 20, intact };
}

async function untilPending(broker: ApprovingBroker, count: number): Promise<void> {
  while ((await countPending(broker)) < count) await delay(100);
}

async function countPending({ data }: ApprovingBroker): Promise<number> {
  using reader = openSqliteReader(join(data, 'sallyport.db'));
  const sql = "select count(*) as pending from approvals where state = 'pending'";
  const [row] = await reader.query<{ pending: number }>({ sql, parameters: [] });
  return row?.pending ?? 0;
}

/** Sends a tools/call of the 2025 era and leaves its answer to come. */
async function send(url: URL, token: string, n: number): Promise<Socket> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  await once(socket, 'connect');
  socket.resume();
  socket.on('error', () => undefined);
  const body = callOf(n);
  const head = [
    'POST /mcp HTTP/1.1',
    `Host: ${url.host}`,
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    'MCP-Protocol-Version: 2025-06-18',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  return socket;
}

function callOf(n: number): string {
  return JSON.stringify({ jsonrpc: '2.0', id: n, method: 'tools/call', params: { name: 'start', arguments: { n } } });
}

/** Milliseconds from the moment a person's yes is sent to one broker until the call that another one holds runs in the database. */
async function measureStart(provider: IdentityProvider, shop: Shop, adminUrl: string): Promise<readonly number[]> {
  const store = await sharedStore(adminUrl);
  const shared = { provider, shop, store, keys: join(scratch, 'keys') };
  await using holds = await startApprovingBroker({ ...shared, directory: join(scratch, 'one') });
  await using decides = await startApprovingBroker({ ...shared, directory: join(scratch, 'two') });
  const agent = await provider.accessToken({ agent: 'support-agent', audience: holds.mcp.href });
  const { accessToken } = await provider.signIn('finn@shop.example', `${decides.publicUrl}/api`);
  const took: number[] = [];
  // One more: it makes the lease.
  for (let n = 0; n <= decisions; n += 1) {
    const answer = ask(holds, agent, n);
    const id = await pendingId(decides, accessToken);
    // As a person would: not at any particular moment of the brokers' clocks.
    await delay(Math.random() * 150);
    const decidedAt = Date.now();
    await decide(decides, accessToken, id);
    const startedAt = await answer;
    if (n > 0) took.push(startedAt - decidedAt);
  }
  return took.sort((a, b) => a - b);
}

async function sharedStore(adminUrl: string): Promise<string> {
  const password = randomBytes(12).toString('hex');
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  await client.query(`create role bench_broker login password '${password}'`);
  await client.query('create database bench_store');
  await client.end();
  const owner = Object.assign(new URL(adminUrl), { pathname: '/bench_store' });
  await initPostgresStore(owner.href, 'bench_broker');
  return Object.assign(new URL(owner), { username: 'bench_broker', password }).href;
}

async function ask({ mcp }: ApprovingBroker, token: string, n: number): Promise<number> {
  const headers = {
    Authorization: `Bearer ${token}`,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2025-06-18',
  };
  const text = await (await fetch(mcp, { method: 'POST', headers, body: callOf(n) })).text();
  const [, startedAt] = /"started":(\d+(?:\.\d+)?)/.exec(text) ?? [];
  if (startedAt === undefined) throw new Error(`an unexpected answer: ${text.slice(0, 2_000)}`);
  return Number(startedAt);
}

async function pendingId({ publicUrl }: ApprovingBroker, token: string): Promise<string> {
  for (;;) {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${publicUrl}/api/v1/approvals?state=pending`, { headers });
    const [first] = ((await response.json()) as { approvals: readonly { id: string }[] }).approvals;
    if (first !== undefined) return first.id;
    await delay(10);
  }
}

async function decide({ publicUrl }: ApprovingBroker, token: string, id: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const body = JSON.stringify({ verdict: 'approve' });
  const response = await fetch(`${publicUrl}/api/v1/approvals/${id}/reviews`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`the review was not counted: ${await response.text()}`);
}

function report({ calls, idleMiB, aboveIdleMiB, intact }: Held, started: readonly number[]): string {
  const share = (q: number): string => quantile(started, q).toFixed(0);
  return [
    `${String(calls)} calls wait for people: ${aboveIdleMiB.toFixed(1)} MiB above the ${idleMiB.toFixed(1)} MiB of an idle broker`,
    `after kill -9, ${String(intact)} of ${String(calls)} approvals are pending`,
    `from the yes to the backend, two brokers on Postgres: p50 ${share(0.5)} ms, p95 ${share(0.95)} ms, p99 ${share(0.99)} ms`,
    '',
  ].join('\n');
}
