// Somebody who has the broker's own login to the store, and a client: what they can do to the log, and how it is found.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Keys } from '../../src/core/keys.ts';
import type { Store } from '../../src/core/store.ts';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { verifierOf } from '../../src/log/signed-note.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { initPostgresStore } from '../../src/store/postgres-schema.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { anEntry } from './store-contract.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let database: TestDatabase;
let directory: string;
let keys: Keys;
let store: Store;
let role: string;
let adversary: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  directory = await mkdtemp(join(tmpdir(), 'sallyport-adversary-'));
  keys = await loadKeys(join(directory, 'keys'));
  role = `${database.name}_broker`;
  const password = randomBytes(12).toString('hex');
  await database.query(`create role ${role} login password '${password}'`);
  await initPostgresStore(database.adminUrl, role);
  const url = new URL(database.adminUrl);
  url.username = role;
  url.password = password;
  store = await openPostgresStore({ url: url.href, keys });
  for (const name of ['a', 'b', 'c']) {
    await store.commit({ entries: [{ body: anEntry(name), payloads: { arguments: { name } } }] });
  }
  const tree = await openLogTree(store);
  await using _ = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: silent });
  adversary = new pg.Client({ connectionString: url.href });
  await adversary.connect();
});

afterAll(async () => {
  await adversary.end();
  await store[Symbol.asyncDispose]();
  await database.query(`drop owned by ${role}; drop role ${role}`);
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function findings(): Promise<readonly string[]> {
  const verifiers = [verifierOf(await (await openLogTree(store)).origin(), keys.checkpoint[0].publicKey)];
  const found = await verifyLog(storeLogCopy(store), { verifiers, payloadKeys: keys.payload, now: Date.now() });
  return found.findings.map(({ message }) => message);
}

/** What the adversary does is undone after it was looked at: everybody sees it only if it was committed. */
async function undone(sql: readonly string[], undo: readonly string[]): Promise<readonly string[]> {
  for (const text of sql) await adversary.query(text);
  const found = await findings();
  for (const text of undo) await database.query(text);
  expect(await findings()).toEqual([]);
  return found;
}

describe("with the broker's own login", () => {
  test.each([
    `update sallyport.entries set body = '{}'`,
    `update sallyport.entries set seq = seq + 1`,
    'delete from sallyport.entries',
    'truncate sallyport.entries',
    `insert into sallyport.entries (seq, body, leaf) values (999, '{}', '')`,
    `insert into sallyport.entries select 999, body, leaf from sallyport.entries where seq = 1`,
    `merge into sallyport.entries using (select 1) as one on seq = 1 when matched then delete`,
    `copy sallyport.entries from stdin`,
    'select * from sallyport.entries for update',
    'do $$ begin lock table sallyport.entries in exclusive mode; end $$',
    'update sallyport.log_head set size = 999',
    'insert into sallyport.log_head (only_row, size) values (false, 999)',
    'select * from sallyport.log_head for update',
    'update sallyport.payloads set seq = 999',
    `insert into sallyport.payloads (seq, sealed) values (2, '')`,
    'truncate sallyport.payloads',
    'delete from sallyport.checkpoints',
    `update sallyport.checkpoints set note = ''`,
    'delete from sallyport.tiles',
    'delete from sallyport.migrations',
    'alter table sallyport.entries disable trigger all',
    'alter table sallyport.entries add column extra text',
    'drop table sallyport.entries',
    'drop index sallyport.entries_invocation',
    'create table sallyport.other (a int)',
    `create function sallyport.sha256(bytea) returns bytea language sql as 'select $1'`,
    'create trigger t before insert on sallyport.entries for each row execute function suppress_redundant_updates_trigger()',
    'create rule r as on insert to sallyport.entries do instead nothing',
    'drop function sallyport.append(text, text, bytea[])',
    'alter function sallyport.append(text, text, bytea[]) security invoker',
    `create or replace function sallyport.append(text, text, bytea[]) returns bigint language sql as 'select 1::bigint'`,
    'drop schema sallyport cascade',
    'alter schema sallyport rename to other',
    'set session authorization postgres',
    'set role postgres',
    'set session_replication_role = replica',
    `copy (select 1) to program 'true'`,
  ])('nobody can: %s', async (sql) => {
    // 42501: not allowed; 42809 and 0A000 would be errors of the statement, and say nothing.
    await expect(adversary.query(sql)).rejects.toMatchObject({ code: '42501' });
    expect(await findings()).toEqual([]);
  });

  test('grants of its own rights give nobody more', async () => {
    // Postgres only warns where there is nothing to grant.
    await adversary.query('grant update, delete on sallyport.entries to public').catch(() => undefined);
    await expect(adversary.query('delete from sallyport.entries')).rejects.toMatchObject({ code: '42501' });
  });

  test('numbers cannot be skipped: not by what is rolled back, and not by payloads without an entry', async () => {
    await adversary.query('begin');
    await adversary.query(`select sallyport.append('{"seq":', '}', array[null::bytea])`);
    await adversary.query('rollback');
    for (const payloads of [`array['', '', '']::bytea[]`, 'null', `'{}'`]) {
      const squat = adversary.query(`select sallyport.append('{"seq":', '}', ${payloads})`);
      await expect(squat).rejects.toMatchObject({ code: 'P0001' });
    }
    await expect(adversary.query(`select sallyport.append(null, null, null)`)).rejects.toThrow();
    await expect(adversary.query(`select sallyport.append('{"a":1,"seq":', null, null)`)).rejects.toThrow();
    await expect(
      adversary.query(`insert into sallyport.checkpoints (size, note) values (9007199254740991, '')`),
    ).rejects.toMatchObject({ code: 'P0001' });
    expect(await findings()).toEqual([]);
    expect(await store.commit({ entries: [{ body: anEntry('d') }] })).toEqual([4]);
  });

  test('tables and functions of a temporary schema do not stand in for those of the log', async () => {
    await adversary.query('create temporary table log_head (only_row boolean, size bigint)');
    await adversary.query('insert into pg_temp.log_head values (true, 5000)');
    await adversary.query('create temporary table entries (seq bigint, body text, leaf bytea)');
    await adversary.query(`create function pg_temp.sha256(bytea) returns bytea language sql as $$ select ''::bytea $$`);
    await adversary.query('set search_path = pg_temp, sallyport');
    await adversary.query('begin');
    const { rows } = await adversary.query<{ head: string }>(
      `select sallyport.append('{"seq":', ',"x":1}', array[null::bytea]) as head`,
    );
    expect(Number(rows[0]!.head)).toBe(4);
    const kept = await adversary.query(`select length(leaf) as length from sallyport.entries where seq = 5`);
    expect(kept.rows).toEqual([{ length: 32 }]);
    await adversary.query('rollback; reset search_path; discard temp');
  });

  test('what is no JSON is no entry, and a form that is not ours is named', async () => {
    await expect(
      adversary.query(`select sallyport.append('drop table ', ';', array[null::bytea])`),
    ).rejects.toMatchObject({ code: '22P02' });
    const forged = [`select sallyport.append('{"seq":1,"z":', '}', array[null::bytea])`];
    const undo = ['delete from sallyport.entries where seq = 5', 'update sallyport.log_head set size = 4'];
    expect(await undone(forged, undo)).toEqual(['entry 5 was written as 1']);
  });

  test('a payload that is erased without a word, or put in the place of another, is found', async () => {
    const [before] = await database.query<{ sealed: Buffer }>('select sealed from sallyport.payloads where seq = 2');
    const restore = `'\\x${before!.sealed.toString('hex')}'`;
    expect(
      await undone(
        ['delete from sallyport.payloads where seq = 2'],
        [`insert into sallyport.payloads (seq, sealed) values (2, ${restore})`],
      ),
    ).toEqual(['the payload of entry 2 is missing, and no entry says it was erased']);
    expect(
      await undone(
        [`update sallyport.payloads set sealed = (select sealed from sallyport.payloads where seq = 1) where seq = 2`],
        [`update sallyport.payloads set sealed = ${restore} where seq = 2`],
      ),
    ).toEqual(['the payload of entry 2 was changed (the payload is not the one the entry was written with)']);
  });

  test('tiles, checkpoints and the name of the log cannot be bent unseen', async () => {
    const nonsense = [`insert into sallyport.checkpoints (size, note) values (4, 'nonsense')`];
    expect(await undone(nonsense, ['delete from sallyport.checkpoints where size = 4'])).toEqual([
      expect.stringContaining('the checkpoint of 4 entries does not hold'),
    ]);
    const tile = [`insert into sallyport.tiles (level, position, hashes) values (3, 0, '')`];
    expect(await undone(tile, ['delete from sallyport.tiles where level = 3'])).toEqual([
      expect.stringContaining('the tree has'),
    ]);
    const [{ value }] = (await database.query<{ value: string }>(
      `select value from sallyport.settings where name = 'origin'`,
    )) as [{ value: string }];
    const renamed = await undone(
      [`update sallyport.settings set value = 'sallyport/other' where name = 'origin'`],
      [`update sallyport.settings set value = '${value}' where name = 'origin'`],
    );
    expect(renamed.join()).toContain('does not hold');
  });
});
