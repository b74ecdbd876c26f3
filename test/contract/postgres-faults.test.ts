// A Postgres that is stopped, killed, and replaced by another that has its data, while brokers append.
import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOG_DEADLINE_MS } from '../../src/core/limits.ts';
import type { Store } from '../../src/core/store.ts';
import { startPostgres, type EmbeddedPostgres } from '../../src/demo/embedded-postgres.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { initPostgresStore } from '../../src/store/postgres-schema.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { anEntry } from './store-contract.ts';

let directory: string;
let server: EmbeddedPostgres;
let door: Door;
let url: string;

/** An address that stays, in front of a server that does not: as a service name, or a proxy, is. */
interface Door extends AsyncDisposable {
  readonly port: number;
  to: number;
}

async function openDoor(to: number): Promise<Door> {
  const sockets = new Set<Socket>();
  const proxy = createServer((inside) => {
    const outside = connect(door.to, '127.0.0.1');
    for (const [socket, other] of [[inside, outside], [outside, inside]] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => void (other.destroy(), sockets.delete(socket)));
      socket.pipe(other);
    }
  }); // prettier-ignore
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const door: Door = {
    port: (proxy.address() as AddressInfo).port,
    to,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
  return door;
}

const dataOf = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-failover-'));
  // The server runs as another user, who must reach its directory.
  await chmod(directory, 0o755);
  server = await startPostgres({ directory: dataOf('first'), password: 'test' });
  const admin = new pg.Client({ connectionString: server.adminUrl() });
  await admin.connect();
  await admin.query(`create role broker login password 'test'`);
  await admin.end();
  await initPostgresStore(server.adminUrl(), 'broker');
  door = await openDoor(server.port);
  url = `postgres://broker:test@127.0.0.1:${door.port}/postgres`;
});

afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Appends without end, and remembers what was acknowledged and how long each refusal took. */
function appending(store: Store, prefix: string) {
  const acknowledged = new Map<number, string>();
  const refusedAfterMs: number[] = [];
  let stopped = false;
  const callers = Array.from({ length: 4 }, async (_, caller) => {
    for (let count = 0; !stopped; count++) {
      const name = `${prefix}-${caller}-${count}`;
      const started = performance.now();
      try {
        const [seq] = await store.commit({ entries: [{ body: anEntry(name) }] });
        acknowledged.set(seq!, name);
      } catch {
        refusedAfterMs.push(performance.now() - started);
        await new Promise((next) => setTimeout(next, 50));
      }
    }
  });
  return {
    acknowledged,
    refusedAfterMs,
    async stop() {
      stopped = true;
      await Promise.all(callers);
    },
  };
}

async function survives(store: Store, prefix: string, disaster: () => Promise<void>): Promise<void> {
  const running = appending(store, prefix);
  await expect.poll(() => running.acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(20);
  await disaster();
  const before = running.acknowledged.size;
  await expect.poll(() => running.acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(before + 20);
  await running.stop();
  expect(store.health()).toEqual({ ok: true });
  expect(running.refusedAfterMs.length).toBeGreaterThan(0);
  expect(Math.max(...running.refusedAfterMs)).toBeLessThan(LOG_DEADLINE_MS + 1_500);
  const rows = await store.query<{ seq: number; body: string }>({
    sql: 'select seq, body from entries order by seq',
    parameters: [],
  });
  const names = new Map(rows.map(({ seq, body }) => [seq, (JSON.parse(body) as { policy: string }).policy]));
  for (const [seq, name] of running.acknowledged) expect(names.get(seq)).toBe(name);
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
  const found = await verifyLog(storeLogCopy(store), { verifiers: [], now: Date.now() });
  expect(found.findings).toEqual([]);
}

describe('the Postgres store', { timeout: 60_000 }, () => {
  test('loses nothing it acknowledged when the server is started again, and goes on by itself', async () => {
    await using store = await openPostgresStore({ url, keys: await loadKeys(join(directory, 'keys')) });
    await survives(store, 'restart', async () => {
      const { port } = server;
      await server[Symbol.asyncDispose]();
      await expect.poll(() => store.health().ok, { timeout: 5_000 }).toBe(false);
      server = await startPostgres({ directory: dataOf('first'), password: 'test', port });
    });
  });

  test('loses nothing when the server is killed and another takes its place', async () => {
    await using store = await openPostgresStore({ url, keys: await loadKeys(join(directory, 'keys')) });
    await survives(store, 'failover', async () => {
      const [pid] = (await readFile(join(dataOf('first'), 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
      await expect.poll(() => store.health().ok, { timeout: 5_000 }).toBe(false);
      await server[Symbol.asyncDispose]();
      await cp(dataOf('first'), dataOf('second'), { recursive: true, preserveTimestamps: true });
      await rm(join(dataOf('second'), 'postmaster.pid'), { force: true });
      giveTo(dataOf('second'), dataOf('first'));
      server = await startPostgres({ directory: dataOf('second'), password: 'test' });
      door.to = server.port;
    });
  });
});

/** A copy made as root belongs to the server's user again. */
function giveTo(copy: string, like: string): void {
  const { status, stderr } = spawnSync('chown', ['-R', `--reference=${like}`, copy], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}
