// How fast entries become durable, and what proving costs: `node bench/log.ts [--entries N]`. With `--endurance N` instead
// what the process holds in memory while it appends N entries (ten million take minutes, and 10 GB of disk).
// Every append is acknowledged only when it is on disk. Prints one line per measurement.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { NewEntry } from '../src/core/entry.ts';
import type { Keys } from '../src/core/keys.ts';
import type { LogTree } from '../src/core/log-tree.ts';
import type { Store } from '../src/core/store.ts';
import { startPostgres } from '../src/demo/embedded-postgres.ts';
import { Checkpoints } from '../src/log/checkpoints.ts';
import { verifyInclusion } from '../src/log/merkle.ts';
import { inclusionProof, rootAt } from '../src/log/tree.ts';
import { loadKeys } from '../src/store/keys.ts';
import { openLogTree } from '../src/store/log-tree.ts';
import { initPostgresStore } from '../src/store/postgres-schema.ts';
import { openPostgresStore } from '../src/store/postgres-store.ts';
import { openSqliteStore } from '../src/store/sqlite-store.ts';

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '200000' }, endurance: { type: 'string', default: '0' } },
});
const ENTRIES = Number(values.entries);
const ENDURANCE = Number(values.endurance);
const CALLERS = 64;
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** About 500 bytes as it is written. */
const bare: NewEntry = {
  broker: '0193a2b4-7c11-7d2e-9f10-3b1c2d4e5f60',
  body: {
    type: 'intent',
    invocation: '0193a2b4-7c11-7d2e-9f10-3b1c2d4e5f61',
    session: '0193a2b4-7c11-7d2e-9f10-3b1c2d4e5f62',
    principal: { issuer: 'https://issuer.example', subject: 'ann@example.com', actor: 'support-agent' },
    tool: 'find_customer',
    policy: 'f'.repeat(64),
    backend: 'shop',
    digest: 'e'.repeat(43),
    decision: { effect: 'allow', reason: 'rule_matched', rules: ['support-may-look-up'] },
  },
};
const withPayload: NewEntry = { ...bare, payloads: { arguments: { text: 'x'.repeat(1_000) } } };

async function measure(name: string, store: Store, entry: NewEntry, count: number): Promise<void> {
  const waits: number[] = [];
  let left = count;
  const before = process.cpuUsage();
  const started = performance.now();
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const began = performance.now();
      await store.commit({ entries: [entry] });
      waits.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const perSecond = Math.round(count / ((performance.now() - started) / 1_000));
  const { user, system } = process.cpuUsage(before);
  const cpu = ((user + system) / count).toFixed(1);
  const facts = `p50 ${at(waits, 0.5)} ms   p99 ${at(waits, 0.99)} ms   ${cpu} µs of processor each`;
  console.log(`${name.padEnd(44)} ${perSecond} entries/s   ${facts}`);
}

/** Offers a fixed rate, as calls that arrive do, from several stores as several brokers. */
async function offer(name: string, stores: readonly Store[], perSecond: number, seconds: number): Promise<void> {
  const waits: number[] = [];
  const pending: Promise<void>[] = [];
  const started = performance.now();
  for (let count = 0; count < perSecond * seconds; count++) {
    const due = started + (count * 1_000) / perSecond;
    while (performance.now() < due) await new Promise((next) => setImmediate(next));
    const before = performance.now();
    const store = stores[count % stores.length]!;
    pending.push(store.commit({ entries: [bare] }).then(() => void waits.push(performance.now() - before)));
  }
  await Promise.all(pending);
  console.log(`${name.padEnd(44)} ${perSecond}/s offered   p50 ${at(waits, 0.5)} ms   p99 ${at(waits, 0.99)} ms`);
}

function at(waits: number[], fraction: number): string {
  return (waits.toSorted((a, b) => a - b)[Math.floor(waits.length * fraction)] ?? 0).toFixed(2);
}

async function prove(tree: LogTree): Promise<void> {
  const read = (level: number, index: number) => tree.tile(level, index);
  const covered = (await tree.latest())!.size;
  const root = await rootAt(covered, read);
  const times: number[] = [];
  let longest = 0;
  for (let round = 0; round < 500; round++) {
    const index = Math.floor(Math.random() * covered);
    const began = performance.now();
    const proof = await inclusionProof(index, covered, read);
    times.push(performance.now() - began);
    longest = Math.max(longest, proof.length);
    const [leaf] = await tree.leaves(index, 1);
    if (!verifyInclusion(leaf!, index, covered, proof, root)) throw new Error('a proof does not hold');
  }
  const name = `inclusion proof among ${covered}`.padEnd(44);
  console.log(`${name} at most ${longest} hashes   p50 ${at(times, 0.5)} ms   p99 ${at(times, 0.99)} ms`);
}

/** Ten lines while `count` entries are appended, with checkpoints behind them. */
async function endure(store: Store, keys: Keys, count: number): Promise<void> {
  const tree = await openLogTree(store);
  await using checkpoints = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: quiet });
  for (let part = 1; part <= 10; part++) {
    let left = count / 10;
    const started = performance.now();
    const caller = async (): Promise<void> => {
      while (left-- > 0) await store.commit({ entries: [bare] });
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    const perSecond = Math.round(count / 10 / ((performance.now() - started) / 1_000));
    const megabytes = Math.round(process.memoryUsage().rss / 1_048_576);
    const behind = (count / 10) * part - ((await tree.latest())?.size ?? 0);
    console.log(
      `${`${(count / 10) * part} entries`.padEnd(44)} ${perSecond} entries/s   ${megabytes} MiB   ${behind} not under a checkpoint`,
    );
  }
  await checkpoints.integrate();
  await prove(tree);
}

async function measureEmbedded(keys: Keys): Promise<void> {
  await using store = await openSqliteStore({ file: join(directory, 'bench.db'), keys });
  await measure('warm-up', store, bare, 20_000);
  await measure('SQLite, 64 callers, 500 bytes', store, bare, ENTRIES);
  await measure('SQLite, 64 callers, with a 1 KB payload', store, withPayload, ENTRIES / 4);
  const tree = await openLogTree(store);
  const before = performance.now();
  await using checkpoints = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: quiet });
  const size = (await tree.latest())!.size;
  const leavesPerSecond = Math.round(size / ((performance.now() - before) / 1_000));
  console.log(`${'integrating into the tree'.padEnd(44)} ${leavesPerSecond} entries/s`);
  await measure('SQLite, with checkpoints behind the appends', store, bare, ENTRIES);
  await checkpoints.integrate();
  await prove(tree);
}

async function measureShared(keys: Keys): Promise<void> {
  await using server = await startPostgres();
  const password = randomBytes(12).toString('hex');
  const admin = new pg.Client({ connectionString: server.adminUrl() });
  await admin.connect();
  await admin.query(`create role broker login password '${password}'`);
  await admin.end();
  await initPostgresStore(server.adminUrl(), 'broker');
  const url = new URL(server.adminUrl());
  url.username = 'broker';
  url.password = password;
  const stores = await Promise.all(Array.from({ length: 4 }, () => openPostgresStore({ url: url.href, keys })));
  await measure('Postgres, 64 callers, 500 bytes', stores[0]!, bare, ENTRIES / 4);
  await measure('Postgres, 64 callers, with a 1 KB payload', stores[0]!, withPayload, ENTRIES / 8);
  await offer('Postgres, four brokers', stores, 1_000, 5);
  await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
}

const directory = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
try {
  const keys = await loadKeys(join(directory, 'keys'));
  if (ENDURANCE > 0) {
    await using store = await openSqliteStore({ file: join(directory, 'bench.db'), keys });
    await endure(store, keys, ENDURANCE);
  } else {
    await measureEmbedded(keys);
    await measureShared(keys);
  }
} finally {
  await rm(directory, { recursive: true });
}
