// `sallyport log …` over a store that several brokers share.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { initPostgresStore } from '../../src/store/postgres-schema.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { anEntry } from './store-contract.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let database: TestDatabase;
let data: string;
let url: URL;
const role = `log_reader_${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  database = await createTestDatabase();
  data = await mkdtemp(join(tmpdir(), 'sallyport-log-postgres-'));
  await database.query(`create role ${role} login password 'p'`);
  await initPostgresStore(database.adminUrl, role);
  url = new URL(database.adminUrl);
  url.username = role;
  url.password = 'p';
  const keys = await loadKeys(join(data, 'keys'));
  await using store = await openPostgresStore({ url: url.href, keys });
  await store.commit({
    entries: [
      { body: anEntry('a'), payloads: { arguments: { email: 'ann@example.com' } } },
      { body: anEntry('b') },
      { body: anEntry('c') },
    ],
  });
  const tree = await openLogTree(store);
  await using _ = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: silent });
});

afterAll(async () => {
  await database.query(`drop owned by ${role}; drop role ${role}`);
  await database[Symbol.asyncDispose]();
  await rm(data, { recursive: true });
});

function log(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'log', ...args], {
    encoding: 'utf8',
    env: { ...process.env, STORE_URL: url.href },
  });
  return { status, stdout, stderr };
}

describe('sallyport log on Postgres', () => {
  const here = (): string[] => ['--store', url.href, '--data', data];

  test('lists, shows, verifies, proves and exports as over the embedded store', () => {
    expect(
      log('list', ...here())
        .stdout.trimEnd()
        .split('\n'),
    ).toHaveLength(3);
    expect(log('show', '1', ...here()).stdout).toContain('arguments {"email":"ann@example.com"}');
    const verified = log('verify', ...here());
    expect(verified.stdout).toContain('3 entries, from ');
    expect(verified.stdout).toContain('The log is what was signed.');
    expect(verified.status).toBe(0);
    const proof = join(data, 'proof');
    expect(log('prove', '2', '--out', proof, ...here()).status).toBe(0);
    expect(log('verify', '--proof', proof, '--data', data).stdout).toContain('proved: entry 2 of 3');
    const copy = join(data, 'copy.jsonl');
    expect(log('export', '--out', copy, ...here()).status).toBe(0);
    expect(log('verify', '--copy', copy, '--data', data).status).toBe(0);
  });

  test('finds store and keys in the configuration', async () => {
    const file = join(data, 'sallyport.yaml');
    const issuers = 'issuers: [{ issuer: https://issuer.example }]';
    await writeFile(file, `${issuers}\ndata: .\nstore: \${env:STORE_URL}\n`);
    const { stdout, status } = log('verify', '--config', file);
    expect(stdout).toContain('3 entries, from ');
    expect(status).toBe(0);
  });

  test('names an entry that the owner of the database has changed', async () => {
    await database.query(`update sallyport.entries set body = replace(body, '"seq":2', '"seq": 2') where seq = 2`);
    const { stdout, status } = log('verify', ...here());
    expect(stdout).toContain('bad  entry 2');
    expect(status).toBe(1);
  });

  test('says what to do where the database holds no store, or cannot be reached', async () => {
    await using empty = await createTestDatabase();
    const none = log('list', '--store', empty.adminUrl);
    expect(none.stderr).toContain('the database holds no Sallyport store');
    expect(none.stderr).toContain('--store');
    expect(none.status).toBe(2);
    expect(log('list', '--store', 'postgres://nobody@127.0.0.1:1/x').status).toBe(2);
  });
});
