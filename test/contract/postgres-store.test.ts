import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import type { Statement } from '../../src/core/store.ts';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { verifierOf } from '../../src/log/signed-note.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { initPostgresStore } from '../../src/store/postgres-schema.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { anEntry, describeStore } from './store-contract.ts';

async function prepare() {
  const database = await createTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-postgres-store-'));
  const keys = await loadKeys(join(directory, 'keys'));
  const role = `${database.name}_broker`;
  const password = randomBytes(12).toString('hex');
  await database.query(`create role ${role} login password '${password}'`);
  await initPostgresStore(database.adminUrl, role);
  const url = new URL(database.adminUrl);
  url.username = role;
  url.password = password;
  return {
    database,
    role,
    url: url.href,
    keys,
    open: (clock?: Clock) => openPostgresStore({ url: url.href, keys, ...(clock && { clock }) }),
    remove: async () => {
      await removeRole(database, role);
      await rm(directory, { recursive: true });
    },
  };
}

async function removeRole(database: TestDatabase, role: string): Promise<void> {
  await database.query(`drop owned by ${role}; drop role ${role}`);
  await database[Symbol.asyncDispose]();
}

describeStore('Postgres', prepare);

describe('the Postgres store', () => {
  test('makes both of two changes that lock each other out', async () => {
    const place = await prepare();
    {
      await using one = await place.open();
      await using other = await place.open();
      const set = (name: string, value: string): Statement => ({
        sql: `insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value`,
        parameters: [name, value],
      });
      const pause: Statement = { sql: 'select pg_sleep(0.2)', parameters: [] };
      await Promise.all([
        one.commit({ statements: [set('a', 'one'), pause, set('b', 'one')] }),
        other.commit({ statements: [set('b', 'other'), pause, set('a', 'other')] }),
      ]);
      const rows = await one.query<{ value: string }>({
        sql: `select value from settings where name in ('a', 'b') order by name`,
        parameters: [],
      });
      // One after the other: whoever came last set both.
      expect(new Set(rows.map(({ value }) => value)).size).toBe(1);
    }
    await place.remove();
  });

  test('holds a log that verifies, lists and proves like the embedded one', async () => {
    const place = await prepare();
    await using store = await place.open();
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const tree = await openLogTree(store);
    await using checkpoints = await Checkpoints.start({ tree, keys: place.keys.checkpoint, publish: [], logger });
    for (let count = 0; count < 40; count++) {
      const entries = [{ body: anEntry(`e${count}`) }, { body: anEntry('x'), payloads: { arguments: { count } } }];
      await store.commit({ entries });
    }
    await checkpoints.integrate();
    const verifiers = [verifierOf(await tree.origin(), place.keys.checkpoint[0].publicKey)];
    const verify = () =>
      verifyLog(storeLogCopy(store), { verifiers, payloadKeys: place.keys.payload, now: Date.now() });
    expect(await verify()).toMatchObject({ entries: 80, covered: 80, findings: [], payloads: { checked: 40 } });
    const filter = {
      type: 'policy.loaded',
      text: '"e7"',
      since: '2020-01-01',
      principal: 'nobody',
      rule: 'none',
    } as const;
    expect(await storeLogSource(store).entries(filter, 10)).toEqual([]);
    const { principal: _, rule: __, ...matching } = filter;
    expect((await storeLogSource(store).entries(matching, 10)).map(({ seq }) => seq)).toEqual([15]);
    await place.database.query(`update sallyport.entries set body = replace(body, 'e7', 'e8') where seq = 15`);
    expect((await verify()).findings[0]).toEqual({ seq: 15, message: 'entry 15 does not fit its hash' });
    await checkpoints[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await place.remove();
  });

  test('refuses a login that owns the tables, a schema that is missing, and one that is newer', async () => {
    const place = await prepare();
    const owner = openPostgresStore({ url: place.database.adminUrl, keys: place.keys });
    await expect(owner).rejects.toThrow('could rewrite it');
    await place.database.query(`grant pg_write_all_data to ${place.role}`);
    await expect(place.open()).rejects.toThrow('could rewrite it');
    await place.database.query(`revoke pg_write_all_data from ${place.role}`);
    await place.database.query('insert into sallyport.migrations (id) values (999)');
    await expect(place.open()).rejects.toThrow(/schema 999.*newer Sallyport/);
    await expect(initPostgresStore(place.database.adminUrl, place.role)).rejects.toThrow(/newer Sallyport/);
    await place.database.query('drop schema sallyport cascade');
    await expect(place.open()).rejects.toThrow('run sallyport store init');
    await place.remove();
  });

  test('can be initialised again, by several at once', async () => {
    const place = await prepare();
    await Promise.all(Array.from({ length: 4 }, () => initPostgresStore(place.database.adminUrl, place.role)));
    await using store = await place.open();
    expect(await store.commit({ entries: [{ body: anEntry('a') }] })).toEqual([1]);
    await store[Symbol.asyncDispose]();
    await place.remove();
  });

  test('recovers by itself when its connections were cut', async () => {
    const place = await prepare();
    await using store = await place.open();
    await store.commit({ entries: [{ body: anEntry('a') }] });
    await place.database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${place.role}'`,
    );
    await expect
      .poll(async () => store.commit({ entries: [{ body: anEntry('b') }] }).catch(() => []), { timeout: 5_000 })
      .not.toEqual([]);
    expect(store.health()).toEqual({ ok: true });
    await store[Symbol.asyncDispose]();
    await place.remove();
  });

  test('gives up within the deadline while somebody holds the head, and recovers', { timeout: 30_000 }, async () => {
    const place = await prepare();
    await using store = await place.open();
    const client = new pg.Client({ connectionString: place.database.adminUrl });
    await client.connect();
    await client.query('begin; update sallyport.log_head set size = size');
    const started = performance.now();
    await expect(store.commit({ entries: [{ body: anEntry('a') }] })).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(5_500);
    expect(store.health().ok).toBe(false);
    await client.query('rollback');
    await client.end();
    await expect.poll(() => store.health(), { timeout: 3_000 }).toEqual({ ok: true });
    expect(await store.commit({ entries: [{ body: anEntry('b') }] })).toEqual([1]);
    await store[Symbol.asyncDispose]();
    await place.remove();
  });
});
