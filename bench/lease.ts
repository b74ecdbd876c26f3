// What a cold Postgres lease costs: recorded, made, used for one row, dropped and recorded again: `node bench/lease.ts [--leases N]`.
// The broker's own leases over a durable store and a real Postgres; at the end it counts what is left at the server.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { systemClock } from '../src/core/clock.ts';
import { Secret } from '../src/core/secret.ts';
import type { BackendRef } from '../src/core/tool.ts';
import { createLeases } from '../src/credential/leases.ts';
import { postgresRoleProvider } from '../src/credential/postgres-role-credential.ts';
import { startPostgres } from '../src/demo/embedded-postgres.ts';
import { prepareShop } from '../src/demo/shop-postgres.ts';
import { createLog } from '../src/log/log.ts';
import { loadKeys } from '../src/store/keys.ts';
import { createLeaseRecords } from '../src/store/lease-records.ts';
import { openSqliteStore } from '../src/store/sqlite-store.ts';
import { permittedIntent } from '../test/support/permitted-intent.ts';
import { callTool, compileOne } from '../test/support/postgres-shop.ts';
import { quantile } from './load.ts';

const { values } = parseArgs({ options: { leases: { type: 'string', default: '500' } } });
const WARM_UP = 50;
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const directory = await mkdtemp(join(tmpdir(), 'sallyport-bench-lease-'));
try {
  await using postgres = await startPostgres();
  const shop = await prepareShop(postgres.adminUrl(), { database: 'shop' });
  await using store = await openSqliteStore({
    file: join(directory, 'store.db'),
    keys: await loadKeys(join(directory, 'keys')),
  });
  await using provider = postgresRoleProvider('bench');
  const log = createLog({ store, broker: 'bench' });
  const options = provider.options.parse({ admin: shop.adminUrl, memberOf: ['shop_support'] });
  const credential = { kind: provider.kind, scope: 'invocation', ttlMs: 60_000, options } as const;
  const hashes = { definitionHash: 'bench', resolvedHash: new Secret('bench') };
  const backend: BackendRef = { name: 'shop', kind: 'postgres', ...hashes, credential };
  const parts = { providers: [provider], log, records: createLeaseRecords(store), clock: systemClock, logger: quiet };
  await using leases = createLeases({ ...parts, broker: 'bench', backends: () => [backend] });
  const tool = compileOne('select id, name, plan from customers where id = 1', { url: shop.databaseUrl });

  const spent: Record<'made' | 'used' | 'dropped' | 'all', number[]> = { made: [], used: [], dropped: [], all: [] };
  for (let round = -WARM_UP; round < Number(values.leases); round += 1) {
    const intent = await permittedIntent(log);
    const times = [performance.now()];
    const hold = await leases.acquire(intent, backend, AbortSignal.timeout(10_000));
    times.push(performance.now());
    const { lease } = hold;
    if (lease === undefined) throw new Error('there is no lease');
    await callTool(tool, {
      lease,
      role: '',
      ended: new AbortController(),
      [Symbol.asyncDispose]: async () => undefined,
    });
    times.push(performance.now());
    await hold[Symbol.asyncDispose]();
    times.push(performance.now());
    if (round < 0) continue;
    const [start = 0, made = 0, used = 0, end = 0] = times;
    spent.made.push(made - start);
    spent.used.push(used - made);
    spent.dropped.push(end - used);
    spent.all.push(end - start);
  }
  for (const [what, ms] of Object.entries(spent)) {
    ms.sort((a, b) => a - b);
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantile(ms, q).toFixed(1).padStart(6));
    console.log(`${what.padEnd(10)} p50 ${p50} ms   p95 ${p95} ms   p99 ${p99} ms`);
  }
  const admin = new pg.Client({ connectionString: postgres.adminUrl() });
  await admin.connect();
  const { rows } = await admin.query<{ roles: number; sessions: number }>(
    `select (select count(*)::int from pg_roles where rolname like 'sallyport_bench_%') as roles,
            (select count(*)::int from pg_stat_activity where application_name like 'sallyport_bench_%') as sessions`,
  );
  await admin.end();
  console.log(
    `left       ${String(rows[0]?.sessions)} sessions, ${String(rows[0]?.roles)} roles, of ${values.leases} leases`,
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
