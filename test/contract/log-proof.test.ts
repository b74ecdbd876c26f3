// Whatever is done to a stored log is found, and nothing else is.
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NewEntry } from '../../src/core/entry.ts';
import type { Keys } from '../../src/core/keys.ts';
import { leafHash } from '../../src/core/leaf-hash.ts';
import type { Logger } from '../../src/core/logger.ts';
import { Checkpoints, TamperedError } from '../../src/log/checkpoints.ts';
import { formatProof, verifyProof } from '../../src/log/proof.ts';
import { publishToFile, publishedInFile } from '../../src/log/publish.ts';
import { verifierOf } from '../../src/log/signed-note.ts';
import { inclusionProof } from '../../src/log/tree.ts';
import { verifyLog } from '../../src/log/verify.ts';
import type { Verification } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openLogTree, readLogTree } from '../../src/store/log-tree.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const SIZE = 300;
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let directory: string;
let file: string;
let keys: Keys;
let origin: string;
let keptEarly: string;
let keptLast: string;

function entry(count: number): NewEntry {
  const body = { type: 'policy.refused', problems: [`problem ${count}, \ufffd`] } as const;
  return { body, broker: 'b', ...(count % 3 === 0 ? { payloads: { arguments: { count } } } : {}) };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-proof-'));
  file = join(directory, 'sallyport.db');
  keys = await loadKeys(join(directory, 'keys'));
  await using store = await openSqliteStore({ file, keys });
  const tree = await openLogTree(store);
  origin = await tree.origin();
  const published = join(directory, 'checkpoint');
  const publish = [publishToFile(published)];
  await using checkpoints = await Checkpoints.start({ tree, keys: keys.checkpoint, publish, logger: silent });
  for (let count = 1; count <= SIZE; count += 50) {
    await store.commit({ entries: Array.from({ length: 50 }, (_, index) => entry(count + index)) });
    await checkpoints.integrate();
    if (count === 151) keptEarly = (await publishedInFile(published))!;
  }
  keptLast = (await publishedInFile(published))!;
});

afterAll(() => rm(directory, { recursive: true }));

const verifiers = () => keys.checkpoint.map(({ publicKey }) => verifierOf(origin, publicKey));

async function verify(path: string, kept: string[] = []): Promise<Verification> {
  using reader = openSqliteReader(path);
  return await verifyLog(storeLogCopy(reader), {
    verifiers: verifiers(),
    payloadKeys: keys.payload,
    kept: kept.map((note) => ({ name: 'the kept checkpoint', note })),
    now: Date.now(),
  });
}

/** What verify says of a copy of the log that was changed. */
async function afterwards(change: (database: DatabaseSync) => void, kept: string[] = []): Promise<Verification> {
  const copy = join(directory, 'changed.db');
  for (const left of ['-wal', '-shm']) await rm(`${copy}${left}`, { force: true });
  await copyFile(file, copy);
  const database = new DatabaseSync(copy);
  // Whoever writes nonsense into an entry has to drop it first.
  database.exec('drop index entries_invocation');
  change(database);
  database.close();
  return verify(copy, kept);
}

function bodyOf(database: DatabaseSync, seq: number): Buffer {
  const row = database.prepare('select cast(body as blob) as body from entries where seq = ?').get(seq);
  return Buffer.from(row!['body'] as Uint8Array);
}

function setBody(database: DatabaseSync, seq: number, body: Buffer): void {
  database.prepare('update entries set body = cast(? as text) where seq = ?').run(body, seq);
}

/** Flips one bit of a column, chosen by a fraction of its length. */
function flip(database: DatabaseSync, table: string, column: string, where: string, at: number): void {
  const row = database.prepare(`select cast(${column} as blob) as bytes from ${table} where ${where}`).get();
  const bytes = Buffer.from(row!['bytes'] as Uint8Array);
  const bit = Math.floor(at * bytes.length * 8);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  const type = column === 'body' || column === 'note' ? 'cast(? as text)' : '?';
  database.prepare(`update ${table} set ${column} = ${type} where ${where}`).run(bytes);
}

const seqs = fc.integer({ min: 1, max: SIZE });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const few = { numRuns: process.env['SALLYPORT_SLOW_TESTS'] === '1' ? 1_000 : 20 };

/** A thousand runs take longer than one test usually may. */
const slow = process.env['SALLYPORT_SLOW_TESTS'] === '1' ? { timeout: 900_000 } : {};

describe('log verify', slow, () => {
  test('finds nothing wrong with a log that was left alone', async () => {
    const found = await verify(file, [keptEarly, keptLast]);
    expect(found).toMatchObject({ entries: SIZE, covered: SIZE, findings: [], open: [] });
    expect(found.payloads).toEqual({ checked: SIZE / 3, unchecked: 0, erased: 0 });
    expect(found.checkpoints).toBe(SIZE / 50);
  });

  test('names the entry of which any single bit has changed', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, fraction, async (seq, at) => {
        const { findings } = await afterwards((database) => flip(database, 'entries', 'body', `seq = ${seq}`, at));
        expect(findings[0]?.seq).toBe(seq);
      }),
      few,
    );
  });

  test.each([
    ['a leaf hash', 'entries', 'leaf', (seq: number) => `seq = ${seq}`],
    ['a payload', 'payloads', 'sealed', (seq: number) => `seq = ${Math.max(3, seq - (seq % 3))}`],
    ['a tile', 'tiles', 'hashes', (seq: number) => `level = 1 and position = ${Math.floor((seq - 1) / 256)}`],
    ['a checkpoint', 'checkpoints', 'note', (seq: number) => `size = ${Math.ceil(seq / 50) * 50}`],
  ])('finds any single bit changed of %s', async (_, table, column, where) => {
    await fc.assert(
      fc.asyncProperty(seqs, fraction, async (seq, at) => {
        const { findings } = await afterwards((database) => flip(database, table, column, where(seq), at));
        expect(findings).not.toEqual([]);
      }),
      few,
    );
  });

  test('names an entry that was removed', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, async (seq) => {
        const { findings } = await afterwards((database) => database.exec(`delete from entries where seq = ${seq}`));
        expect(findings[0]?.seq).toBe(seq);
      }),
      few,
    );
  });

  test('finds two entries that changed places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(seqs, { minLength: 2, maxLength: 2 }), async ([one, two]) => {
        const { findings } = await afterwards((database) => {
          const [first, second] = [bodyOf(database, one!), bodyOf(database, two!)];
          setBody(database, one!, second);
          setBody(database, two!, first);
        });
        expect(findings[0]?.seq).toBe(Math.min(one!, two!));
      }),
      few,
    );
  });

  test('finds a tail that was cut, even with its checkpoints and tiles, against a kept checkpoint', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, async (size) => {
        const { findings } = await afterwards(
          (database) => {
            for (const table of ['entries', 'payloads']) database.exec(`delete from ${table} where seq >= ${size}`);
            database.exec(`delete from checkpoints where size >= ${size}`);
          },
          [keptLast],
        );
        expect(findings.some(({ message }) => message.startsWith('the kept checkpoint signs 300 entries'))).toBe(true);
      }),
      few,
    );
  });

  test('finds an entry changed by somebody who also made its hash anew, and says from which checkpoint on', async () => {
    const { findings } = await afterwards((database) => {
      const changed = bodyOf(database, 123).toString().replace('problem 123', 'problem 124');
      setBody(database, 123, Buffer.from(changed));
      database.prepare('update entries set leaf = ? where seq = 123').run(leafHash(changed));
    });
    expect(findings.some(({ from, message }) => from === 101 && message.includes('checkpoint of 150'))).toBe(true);
  });

  test('finds an entry that was put in between, or under a number below one', async () => {
    const insert = (seq: number) => (database: DatabaseSync) => {
      const text = bodyOf(database, 1).toString();
      database.prepare('insert into entries (seq, body, leaf) values (?, ?, ?)').run(seq, text, leafHash(text));
    };
    for (const seq of [0, -5]) expect((await afterwards(insert(seq))).findings[0]?.seq).toBe(seq);
  });

  test('finds a payload that is missing without a word, and accepts one whose erasure is an entry', async () => {
    const { findings } = await afterwards((database) => database.exec('delete from payloads where seq = 9'));
    expect(findings).toEqual([
      { seq: 9, message: 'the payload of entry 9 is missing, and no entry says it was erased' },
    ]);
  });

  test('finds a payload under a number that has no entry', async () => {
    const { findings } = await afterwards((database) =>
      database.exec('insert into payloads (seq, sealed) select 9999, sealed from payloads where seq = 3'),
    );
    expect(findings.map(({ seq }) => seq)).toEqual([9999]);
  });

  test('refuses checkpoints of a key it does not know', async () => {
    using reader = openSqliteReader(file);
    const { findings } = await verifyLog(storeLogCopy(reader), { verifiers: [], now: 0 });
    expect(findings.filter(({ message }) => message.includes('known key'))).toHaveLength(SIZE / 50);
  });
});

describe('a proof', () => {
  async function prove(seq: number): Promise<string> {
    using reader = openSqliteReader(file);
    const tree = readLogTree(reader);
    const [found] = await storeLogSource(reader).entries({ afterSeq: seq - 1 }, 1);
    const path = await inclusionProof(seq - 1, SIZE, (level, index) => tree.tile(level, index));
    return formatProof(found!.text, seq, path, keptLast);
  }

  test('of every entry holds with the public key alone', async () => {
    await fc.assert(
      fc.asyncProperty(seqs, async (seq) => {
        const proven = verifyProof(await prove(seq), verifiers());
        expect(proven.seq).toBe(seq);
        expect(proven.body['problems']).toEqual([`problem ${seq}, \ufffd`]);
      }),
      few,
    );
  });

  test('with any bit of it changed does not hold', async () => {
    const proof = Buffer.from(await prove(77));
    for (let bit = 0; bit < proof.length * 8; bit++) {
      const changed = Buffer.from(proof);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyProof(changed.toString(), verifiers())).toThrow();
    }
  });
});

describe('checkpoints', () => {
  test('cover what was left over when the broker starts again, and cover a new entry by themselves', async () => {
    const copy = join(directory, 'resumed.db');
    await copyFile(file, copy);
    await using store = await openSqliteStore({ file: copy, keys });
    await store.commit({ entries: [entry(1), entry(2)] });
    const tree = await openLogTree(store);
    expect((await tree.latest())?.size).toBe(SIZE);
    await using _ = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: silent });
    expect((await tree.latest())?.size).toBe(SIZE + 2);
    await store.commit({ entries: [entry(3)] });
    await expect.poll(async () => (await tree.latest())?.size, { interval: 20 }).toBe(SIZE + 3);
    expect((await verify(copy, [keptEarly, keptLast])).findings).toEqual([]);
  });

  test('of two brokers on one store agree', async () => {
    const copy = join(directory, 'shared.db');
    await copyFile(file, copy);
    const stores = [await openSqliteStore({ file: copy, keys }), await openSqliteStore({ file: copy, keys })];
    const all = await Promise.all(
      stores.map(async (store) => {
        const options = { tree: await openLogTree(store), keys: keys.checkpoint, publish: [], logger: silent };
        return { store, checkpoints: await Checkpoints.start(options) };
      }),
    );
    for (let round = 0; round < 40; round++) {
      await Promise.all(
        all.map(async ({ store, checkpoints }) => {
          await store.commit({ entries: [entry(round), entry(round + 1)] });
          await checkpoints.integrate();
        }),
      );
    }
    for (const { checkpoints } of all) await checkpoints[Symbol.asyncDispose]();
    for (const { store } of all) await store[Symbol.asyncDispose]();
    expect(await verify(copy, [keptLast])).toMatchObject({ entries: SIZE + 160, covered: SIZE + 160, findings: [] });
  });

  test('are not continued over a store that was changed or rolled back', async () => {
    const copy = join(directory, 'rolled-back.db');
    const start = async (kept: string[]) => {
      await using store = await openSqliteStore({ file: copy, keys });
      const tree = await openLogTree(store);
      await using _ = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: silent }, kept);
    };
    await copyFile(file, copy);
    await start([keptLast]);
    const database = new DatabaseSync(copy);
    database.exec('delete from entries where seq > 200');
    database.exec('delete from checkpoints where size > 200');
    database.close();
    await expect(start([keptLast])).rejects.toBeInstanceOf(TamperedError);
    await copyFile(file, copy);
    const other = new DatabaseSync(copy);
    flip(other, 'tiles', 'hashes', 'level = 1 and position = 1', 0.3);
    other.close();
    await expect(start([])).rejects.toBeInstanceOf(TamperedError);
  });
});
