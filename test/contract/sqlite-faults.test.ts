// What can happen to a process and its disk, done to a real one.
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import { leafHash } from '../../src/core/leaf-hash.ts';
import { LOG_DEADLINE_MS } from '../../src/core/limits.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import type { Said, Told } from '../support/store-process.ts';
import { anEntry } from './store-contract.ts';

const CRASH_ROUNDS = process.env['SALLYPORT_SLOW_TESTS'] === '1' ? 200 : 20;

let directory: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-faults-'));
  file = join(directory, 'sallyport.db');
});

afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  await rm(directory, { recursive: true });
});

const DEADLINE_MS = 2_000;
const open = async (deadlineMs = LOG_DEADLINE_MS) =>
  openSqliteStore({ file, keys: await loadKeys(join(directory, 'keys')), deadlineMs });

async function start(): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../support/store-process.ts'), [directory], { execArgv: [] });
  children.push(child);
  await once(child, 'message');
  return child;
}

function tell(child: ChildProcess, told: Told): void {
  child.send(told);
}

async function append(child: ChildProcess, name: string, bytes?: number): Promise<Said> {
  tell(child, { do: 'append', name, ...(bytes === undefined ? {} : { bytes }) });
  const [said] = (await once(child, 'message')) as [Said];
  return said;
}

/** The names that were written, by number; fails on a gap or a leaf that does not fit. */
function written(): string[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database.prepare('select seq, body, leaf from entries order by seq').all();
  database.close();
  return rows.map((row, index) => {
    expect(row['seq']).toBe(index + 1);
    expect(Buffer.from(row['leaf'] as Uint8Array).equals(leafHash(row['body'] as string))).toBe(true);
    return (JSON.parse(row['body'] as string) as { problems: string[] }).problems[0]!;
  });
}

describe('the SQLite store', () => {
  test(`loses no acknowledged entry to kill -9, ${CRASH_ROUNDS} times`, { timeout: CRASH_ROUNDS * 5_000 }, async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < CRASH_ROUNDS; round++) {
      const child = await start();
      const before = acknowledged.length;
      child.on('message', (said: Said) => {
        if (said.kind === 'acknowledged') acknowledged[said.seq - 1] = said.name;
      });
      tell(child, { do: 'append-forever', callers: 8, prefix: `r${round}` });
      while (acknowledged.length === before) await delay(5);
      await delay(Math.random() * 60);
      child.kill('SIGKILL');
      // What is still in the pipe was acknowledged, too.
      await once(child, 'close');
      const names = written();
      acknowledged.forEach((name, index) => expect(names[index]).toBe(name));
    }
    expect(acknowledged.length).toBeGreaterThan(CRASH_ROUNDS);
  });

  test('is shared by two processes that append at once', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    const seqs: number[] = [];
    const counted = Promise.all(
      [one, two].map(async (child) => {
        for (let count = 0; count < 100; count++) {
          const said = await append(child, `e${count}`);
          if (said.kind === 'acknowledged') seqs.push(said.seq);
        }
      }),
    );
    await counted;
    expect(seqs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect(written()).toHaveLength(200);
  });

  test('refuses when the disk is full, stays alive, and recovers by itself', { timeout: 60_000 }, async (context) => {
    if (spawnSync('prlimit', ['--version']).error) context.skip('needs prlimit (util-linux)');
    const child = await start();
    expect(await append(child, 'before')).toMatchObject({ kind: 'acknowledged', seq: 1 });
    const { size } = await stat(`${file}-wal`);
    limitFileSize(child, String(size + 20_000));
    const refused = await append(child, 'too much', 200_000);
    expect(refused).toMatchObject({ kind: 'failed', error: 'StoreError', healthy: false });
    expect(child.exitCode).toBeNull();
    limitFileSize(child, 'unlimited');
    expect(await append(child, 'after', 200_000)).toMatchObject({ kind: 'acknowledged', seq: 2 });
    expect(written()).toEqual(['before', 'after']);
  });

  test(
    'gives up within the deadline when another process holds the lock, and recovers',
    { timeout: 30_000 },
    async () => {
      await using store = await open(DEADLINE_MS);
      await store.commit({ entries: [{ body: anEntry('a') }] });
      const other = new DatabaseSync(file);
      other.exec('begin immediate');
      const started = performance.now();
      await expect(store.commit({ entries: [{ body: anEntry('b') }] })).rejects.toBeInstanceOf(StoreError);
      expect(performance.now() - started).toBeLessThan(DEADLINE_MS + 5_000);
      expect(store.health().ok).toBe(false);
      // Reading goes on, and nothing of what was given up is kept.
      expect(await store.query({ sql: 'select count(*) as n from entries', parameters: [] })).toEqual([{ n: 1 }]);
      other.exec('rollback');
      other.close();
      await expect.poll(() => store.health(), { timeout: 3_000 }).toEqual({ ok: true });
      expect(await store.commit({ entries: [{ body: anEntry('c') }] })).toEqual([2]);
    },
  );

  test('refuses more than it can hold in its queue, at once', async () => {
    await using store = await open();
    const large = { body: anEntry('a'), payloads: { arguments: { text: 'x'.repeat(1_000_000) } } };
    const fates = await Promise.allSettled(Array.from({ length: 100 }, () => store.commit({ entries: [large] })));
    const refused = fates.filter((fate) => fate.status === 'rejected');
    const atOnce = refused.filter((fate) => (fate.reason as Error).message.includes('queue is full'));
    expect(atOnce.length).toBeGreaterThan(20);
  });

  test('says so when the schema is newer than the program', async () => {
    await (await open())[Symbol.asyncDispose]();
    const database = new DatabaseSync(file);
    database.exec('insert into migrations (id) values (999)');
    database.close();
    await expect(open()).rejects.toThrow(/schema 999.*newer Sallyport/);
  });

  test('says so when the file is no database', async () => {
    await rm(file, { force: true });
    await writeFile(file, 'This is a text, and a rather long one, so that it is read as a header.'.repeat(10));
    await expect(open()).rejects.toThrow(/not a database/);
  });

  test('holds nothing of a payload in the clear, in none of its files', async () => {
    const store = await open();
    const canary = 'canary-7f3k-canary';
    await store.commit({
      entries: [{ body: anEntry('a'), payloads: { arguments: { email: canary }, result: { email: canary } } }],
    });
    const whileOpen = await contents();
    await store[Symbol.asyncDispose]();
    for (const bytes of [...whileOpen, ...(await contents())]) expect(bytes.includes(canary)).toBe(false);
    // The test can fail: what is in the entry itself is found.
    expect((await contents()).some((bytes) => bytes.includes('policy.loaded'))).toBe(true);
  });
});

function limitFileSize(child: ChildProcess, bytes: string): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:`]);
  if (status !== 0) throw new Error(stderr.toString());
}

async function contents(): Promise<Buffer[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('sallyport.db'));
  return Promise.all(names.map((name) => readFile(join(directory, name))));
}
