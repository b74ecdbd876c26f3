// A server of its own, to be stopped, started and spoken to over TLS.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresRoleProvider } from '../../../src/credential/postgres-role-credential.ts';
import { startPostgres, type EmbeddedPostgres } from '../../../src/demo/embedded-postgres.ts';
import { prepareShop, type Shop } from '../../../src/demo/shop-postgres.ts';
import { callTool, compileOne, leaseFrom } from '../../support/postgres-shop.ts';

let directory: string;
let server: EmbeddedPostgres;
let shop: Shop;
const provider = postgresRoleProvider('faults');
const settings: Record<string, string> = { fsync: 'off' };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-faults-'));
  await chmod(directory, 0o755);
  server = await startPostgres({ directory: join(directory, 'data'), settings });
  shop = await prepareShop(server.adminUrl(), { database: 'shop' });
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const stop = () => server[Symbol.asyncDispose]();
async function start(): Promise<void> {
  const { port, password } = server;
  server = await startPostgres({ directory: join(directory, 'data'), port, password, settings });
}
const options = () => provider.options.parse({ admin: shop.adminUrl, memberOf: ['shop_support'] });

test('a server that stops in the middle of a call, is down, and comes back', async () => {
  const tool = compileOne('select count(*) as n, pg_sleep(:s)::text as s from orders', { url: shop.databaseUrl });
  const change = compileOne('update orders set refunded = refunded from pg_sleep(60)', {
    url: shop.databaseUrl,
    readOnly: false,
  });
  const lease = await leaseFrom(provider, options(), 60_000);
  expect((await callTool(tool, lease, { s: 0 })).structured).toMatchObject({ rows: [{ n: 36 }] });

  const reading = expect(callTool(tool, lease, { s: 60 }, { timeoutMs: 60_000 })).rejects.toMatchObject({
    code: 'backend_unavailable',
  });
  const changing = expect(callTool(change, lease, {}, { timeoutMs: 60_000 })).rejects.toMatchObject({
    code: 'outcome_unknown',
  });
  await delay(300);
  await stop();
  await reading;
  await changing;

  const down = await callTool(tool, lease, { s: 0 }).catch(
    (error: unknown) => error as { code: string; words: unknown; detail: string },
  );
  expect(down).toMatchObject({ code: 'backend_unavailable', words: undefined });
  expect((down as { detail: string }).detail).toContain(`127.0.0.1:${String(server.port)}: nothing listens`);
  await expect(leaseFrom(provider, options(), 60_000)).rejects.toMatchObject({ code: 'credential_unavailable' });

  await start();
  expect((await callTool(tool, lease, { s: 0 })).structured).toMatchObject({ rows: [{ n: 36 }] });
  await lease[Symbol.asyncDispose]();
});

/** Whether each connection of a role is encrypted, as the server sees it. */
async function encrypted(role: string): Promise<boolean[]> {
  const client = new pg.Client({ connectionString: server.adminUrl() });
  await client.connect();
  const { rows } = await client.query<{ ssl: boolean }>(
    'select ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = $1',
    [role],
  );
  await client.end();
  return rows.map(({ ssl }) => ssl);
}

test('TLS options of the url hold, for calls and for cancelling them', async () => {
  const certificate = [
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=127.0.0.1',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ];
  const [key, cert] = [join(directory, 'server.key'), join(directory, 'server.crt')];
  execFileSync('openssl', ['req', ...certificate, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const { uid, gid } = await stat(join(directory, 'data'));
  if (process.getuid?.() === 0) await chown(key, uid, gid);
  await chmod(key, 0o600);
  await stop();
  Object.assign(settings, { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key });
  await start();
  expect(await readFile(cert, 'utf8')).toContain('CERTIFICATE');

  const lease = await leaseFrom(provider, options(), 60_000);
  const sql = 'select pg_sleep(:s)::text as s';
  const trusting = compileOne(sql, { url: `${shop.databaseUrl}?sslmode=verify-full&sslrootcert=${cert}` });

  const controller = new AbortController();
  const call = callTool(trusting, lease, { s: 60 }, { signal: controller.signal, timeoutMs: 60_000 });
  await delay(200);
  expect(await encrypted(lease.role)).toEqual([true]);
  const started = performance.now();
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  expect(performance.now() - started).toBeLessThan(900); // It was told; the connection was not merely cut after a second.

  const strict = compileOne(sql, { url: `${shop.databaseUrl}?sslmode=verify-full` });
  await expect(callTool(strict, lease, { s: 0 })).rejects.toMatchObject({
    code: 'backend_unavailable',
    detail: expect.stringContaining('self-signed') as string,
  });
  const plain = compileOne(sql, { url: shop.databaseUrl });
  expect((await callTool(plain, lease, { s: 0 })).structured?.['rows']).toEqual([{ s: '' }]);
  expect(await encrypted(lease.role)).toEqual([false]);
  await lease[Symbol.asyncDispose]();
});

test('a server that answers nothing is given up on at the deadline', async () => {
  const { createServer } = await import('node:net');
  const silent = createServer(() => undefined);
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  const { port } = silent.address() as { port: number };
  const lease = await leaseFrom(provider, options(), 60_000);
  const tool = compileOne('select 1 as one', { url: `postgres://127.0.0.1:${String(port)}/shop` });
  const started = performance.now();
  await expect(callTool(tool, lease, {}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  expect(performance.now() - started).toBeLessThan(10_000);
  silent.close();
  await lease[Symbol.asyncDispose]();
});

test('what is left of a server is nothing', async () => {
  const scratch = join(tmpdir(), `sallyport-left-${randomBytes(4).toString('hex')}`);
  const own = await startPostgres({ settings: { cluster_name: scratch } });
  await own[Symbol.asyncDispose]();
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  expect(processes).not.toContain(scratch);
});
