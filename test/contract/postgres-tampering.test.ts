// Somebody who owns the database: every change of a stored log is found, and one that was left alone is not suspected.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Keys } from '../../src/core/keys.ts';
import type { Store } from '../../src/core/store.ts';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { verifierOf } from '../../src/log/signed-note.ts';
import { verifyLog, type Finding } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { numbered } from '../../src/store/postgres-batch.ts';
import { initPostgresStore, SCHEMA } from '../../src/store/postgres-schema.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { postgresTypes } from '../../src/store/postgres-wire.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { anEntry } from './store-contract.ts';

const SIZE = 60;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const runs = { numRuns: process.env['SALLYPORT_SLOW_TESTS'] === '1' ? 1_000 : 25 };

let database: TestDatabase;
let directory: string;
let keys: Keys;
let origin: string;
let kept: string;
let owner: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  directory = await mkdtemp(join(tmpdir(), 'sallyport-tampering-'));
  keys = await loadKeys(join(directory, 'keys'));
  const role = `${database.name}_broker`;
  const password = randomBytes(12).toString('hex');
  await database.query(`create role ${role} login password '${password}'`);
  await initPostgresStore(database.adminUrl, role);
  const url = new URL(database.adminUrl);
  url.username = role;
  url.password = password;
  await using store = await openPostgresStore({ url: url.href, keys });
  const tree = await openLogTree(store);
  origin = await tree.origin();
  await using checkpoints = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: silent });
  for (let count = 1; count <= SIZE; count += 20) {
    const entries = Array.from({ length: 20 }, (_, index) => ({
      body: anEntry(`e${count + index}`),
      payloads: { arguments: { count: count + index } },
    }));
    await store.commit({ entries });
    await checkpoints.integrate();
  }
  kept = (await tree.latest())!.note;
  owner = new pg.Client({
    connectionString: database.adminUrl,
    options: `-c search_path=${SCHEMA}`,
    types: postgresTypes(),
  });
  await owner.connect();
});

afterAll(async () => {
  await owner.end();
  const role = `${database.name}_broker`;
  await database.query(`drop owned by ${role}; drop role ${role}`);
  await database[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** What verify finds after the change, which is then undone. Undefined where Postgres itself does not keep it. */
async function afterwards(change: () => Promise<unknown>): Promise<readonly Finding[] | undefined> {
  const store: Pick<Store, 'query'> = {
    async query<Row>({ sql, parameters }: Parameters<Store['query']>[0]) {
      return (await owner.query(numbered(sql), [...parameters])).rows as Row[];
    },
  };
  // Whoever writes nonsense into an entry has to drop the index first.
  await owner.query('begin; drop index entries_invocation');
  try {
    await change();
    const { findings } = await verifyLog(storeLogCopy(store), {
      verifiers: [verifierOf(origin, keys.checkpoint[0].publicKey)],
      payloadKeys: keys.payload,
      kept: [{ name: 'the kept checkpoint', note: kept }],
      now: Date.now(),
    });
    return findings;
  } catch (error) {
    // Not a text of this encoding.
    if (error instanceof pg.DatabaseError && error.code === '22021') return undefined;
    throw error;
  } finally {
    await owner.query('rollback');
  }
}

async function flip(table: string, column: string, where: string, at: number): Promise<void> {
  const isText = column === 'body' || column === 'note';
  const bytes = isText ? `convert_to(${column}, 'UTF8')` : column;
  const { rows } = await owner.query<{ bytes: Buffer }>(`select ${bytes} as bytes from ${table} where ${where}`);
  const changed = Buffer.from(rows[0]!.bytes);
  const bit = Math.floor(at * changed.length * 8);
  changed[bit >> 3]! ^= 1 << (bit & 7);
  const value = isText ? `convert_from($1, 'UTF8')` : '$1';
  await owner.query(`update ${table} set ${column} = ${value} where ${where}`, [changed]);
}

const seqs = fc.integer({ min: 1, max: SIZE });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** A thousand runs take longer than one test usually may. */
const slow = process.env['SALLYPORT_SLOW_TESTS'] === '1' ? { timeout: 900_000 } : {};

describe('log verify on Postgres', slow, () => {
  test('suspects nothing where nothing was changed', async () => {
    expect(await afterwards(async () => undefined)).toEqual([]);
  });

  test.each([
    ['an entry', 'entries', 'body', (seq: number) => `seq = ${seq}`],
    ['a leaf hash', 'entries', 'leaf', (seq: number) => `seq = ${seq}`],
    ['a payload', 'payloads', 'sealed', (seq: number) => `seq = ${seq}`],
    ['a tile', 'tiles', 'hashes', () => 'level = 1 and position = 0'],
    ['a checkpoint', 'checkpoints', 'note', (seq: number) => `size = ${Math.ceil(seq / 20) * 20}`],
  ])('finds any single bit changed of %s', async (_, table, column, where) => {
    await fc.assert(
      fc.asyncProperty(seqs, fraction, async (seq, at) => {
        const findings = await afterwards(() => flip(table, column, where(seq), at));
        if (findings === undefined) return;
        expect(findings).not.toEqual([]);
        if (table === 'entries' || table === 'payloads') expect(findings[0]?.seq).toBe(seq);
      }),
      runs,
    );
  });

  test('names an entry that was removed, and two that changed places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(seqs, { minLength: 2, maxLength: 2 }), async (places) => {
        const [one, two] = places.toSorted((a, b) => a - b);
        const removed = await afterwards(() => owner.query(`delete from entries where seq = ${one}`));
        expect(removed?.[0]?.seq).toBe(one);
        const swapped = await afterwards(() =>
          owner.query(`update entries set (body, leaf) = (select body, leaf from entries as other
            where other.seq = ${one} + ${two} - entries.seq) where seq in (${one}, ${two})`),
        );
        expect(swapped?.[0]?.seq).toBe(one);
      }),
      runs,
    );
  });

  test('finds a tail that was cut with its checkpoints, against one that was kept', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, async (size) => {
        const findings = await afterwards(() =>
          owner.query(`delete from entries where seq >= ${size}; delete from payloads where seq >= ${size};
            delete from checkpoints where size >= ${size}; update log_head set size = ${size - 1}`),
        );
        const missing = `the kept checkpoint signs ${SIZE} entries, and only ${size - 1} are there`;
        expect(findings?.map(({ message }) => message)).toContain(missing);
      }),
      runs,
    );
  });
});
