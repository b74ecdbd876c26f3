// Writes that reached the disk in part, or not as they were: what is left of the file's journal is cut, or garbled.
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Keys } from '../../src/core/keys.ts';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { publishedInFile, publishToFile } from '../../src/log/publish.ts';
import { verifierOf } from '../../src/log/signed-note.ts';
import { verifyLog, type Verification } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { SqliteConnection } from '../../src/store/sqlite-connection.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { anEntry } from './store-contract.ts';

const SIZE = 60;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const runs = { numRuns: process.env['SALLYPORT_SLOW_TESTS'] === '1' ? 2_000 : 40 };

let directory: string;
let keys: Keys;
let origin: string;
let kept: string;
let journalBytes: number;

/** The files of a store as a power cut leaves them: entries in the journal, none of them in the database proper. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-torn-'));
  keys = await loadKeys(join(directory, 'keys'));
  const file = join(directory, 'live.db');
  await using store = await openSqliteStore({ file, keys });
  const publish = [publishToFile(join(directory, 'published'))];
  const tree = await openLogTree(store);
  origin = await tree.origin();
  await using checkpoints = await Checkpoints.start({ tree, keys: keys.checkpoint, publish, logger: silent });
  for (let count = 0; count < SIZE; count++) {
    await store.commit({ entries: [{ body: anEntry(`e${count}`), payloads: { arguments: { count } } }] });
    if (count % 20 === 19) await checkpoints.integrate();
  }
  kept = (await publishedInFile(join(directory, 'published')))!;
  await copyFile(file, join(directory, 'cut.db'));
  await copyFile(`${file}-wal`, join(directory, 'cut.db-wal'));
  journalBytes = (await stat(join(directory, 'cut.db-wal'))).size;
});

afterAll(() => rm(directory, { recursive: true }));

/** What a broker finds that starts on such files, and how its log stands the test. */
async function afterPowerCut(change: (journal: Buffer) => Buffer): Promise<Verification> {
  const file = join(directory, 'torn.db');
  await rm(`${file}-shm`, { force: true });
  await copyFile(join(directory, 'cut.db'), file);
  await writeFile(`${file}-wal`, change(await readFile(join(directory, 'cut.db-wal'))));
  SqliteConnection.open(file).close();
  await using reader = openSqliteReader(file);
  return await verifyLog(storeLogCopy(reader), {
    verifiers: keys.checkpoint.map(({ publicKey }) => verifierOf(origin, publicKey)),
    payloadKeys: keys.payload,
    kept: [{ name: 'the kept checkpoint', note: kept }],
    now: Date.now(),
  });
}

/** Whole entries up to some number, as they were committed; and no more than the missing end is found. */
function holdsABeginning({ entries, findings, payloads }: Verification): void {
  expect(entries).toBeLessThanOrEqual(SIZE);
  expect(payloads.checked).toBe(entries);
  const missing = `the kept checkpoint signs ${SIZE} entries, and only ${entries} are there`;
  // Before the first commit there is not even a name of the log.
  if (entries > 0) expect(findings.map(({ message }) => message)).toEqual(entries === SIZE ? [] : [missing]);
}

/** Thousands of runs take longer than one test usually may. */
const slow = process.env['SALLYPORT_SLOW_TESTS'] === '1' ? { timeout: 900_000 } : {};

describe('a torn write', slow, () => {
  test('of nothing leaves every entry', async () => {
    expect(await afterPowerCut((journal) => journal)).toMatchObject({ entries: SIZE, findings: [] });
  });

  test('that stops anywhere leaves whole entries, and a kept checkpoint says what is missing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: journalBytes }), async (length) => {
        holdsABeginning(await afterPowerCut((journal) => journal.subarray(0, length)));
      }),
      runs,
    );
  });

  test('of sectors with other bytes leaves whole entries, and a kept checkpoint says what is missing', async () => {
    const sector = fc.integer({ min: 0, max: Math.floor(journalBytes / 512) - 1 });
    await fc.assert(
      fc.asyncProperty(sector, fc.uint8Array({ minLength: 1, maxLength: 512 }), async (at, bytes) => {
        const garbled = (journal: Buffer): Buffer => {
          for (const [index, byte] of bytes.entries()) journal[at * 512 + index]! ^= byte;
          return journal;
        };
        holdsABeginning(await afterPowerCut(garbled));
      }),
      runs,
    );
  });

  test('is written over by what comes next', async () => {
    const file = join(directory, 'torn.db');
    const found = await afterPowerCut((journal) => journal.subarray(0, Math.floor(journalBytes * 0.7)));
    await using store = await openSqliteStore({ file, keys });
    expect(await store.commit({ entries: [{ body: anEntry('next') }] })).toEqual([found.entries + 1]);
  });
});
