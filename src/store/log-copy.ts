// A store as a copy of the log that can be verified.
import { sql } from 'kysely';
import type { FoundEntry, LogCopy } from '../core/log-copy.ts';
import type { KeptCheckpoint } from '../core/log-tree.ts';
import type { Statement, Store } from '../core/store.ts';
import { storeLogSource } from './log-source.ts';
import { readLogTree } from './log-tree.ts';
import { queries, statement } from './queries.ts';

const PAGE = 1_000;

export function storeLogCopy(store: Pick<Store, 'query'>): LogCopy {
  const tree = readLogTree(store);
  const source = storeLogSource(store);
  return {
    origin: () => tree.origin(),
    entries: () => paged<FoundEntry>(store, entriesAfter, (entry) => entry.seq),
    checkpoints: () => paged<KeptCheckpoint>(store, checkpointsAfter, (checkpoint) => checkpoint.size),
    strayPayloads: async () => (await store.query<{ seq: number }>(statement(STRAY))).map(({ seq }) => seq),
    tree: {
      count: async () => (await store.query<{ count: number }>(statement(TILES)))[0]?.count ?? 0,
      tile: (level, index) => tree.tile(level, index),
    },
    isAlive: (broker, now) => source.isAlive(broker, now),
  };
}

const STRAY = queries
  .selectFrom('payloads')
  .select('payloads.seq')
  .leftJoin('entries', 'entries.seq', 'payloads.seq')
  .where('entries.seq', 'is', null)
  .orderBy('payloads.seq')
  .limit(PAGE);

const TILES = queries.selectFrom('tiles').select(sql<number>`count(*)`.as('count'));

function entriesAfter(seq: number): Statement {
  return statement(
    queries
      .selectFrom('entries')
      .leftJoin('payloads', 'payloads.seq', 'entries.seq')
      .select(['entries.seq', sql<string>`cast(body as text)`.as('text'), 'leaf', 'sealed'])
      .where('entries.seq', '>', seq)
      .orderBy('entries.seq')
      .limit(PAGE),
  );
}

function checkpointsAfter(size: number): Statement {
  return statement(queries.selectFrom('checkpoints').selectAll().where('size', '>', size).orderBy('size').limit(PAGE));
}

async function* paged<Row>(
  store: Pick<Store, 'query'>,
  after: (key: number) => Statement,
  keyOf: (row: Row) => number,
): AsyncIterable<Row> {
  // Whoever can write to the table can use numbers below one.
  let last = Number.MIN_SAFE_INTEGER;
  while (true) {
    const rows = await store.query<Row>(after(last));
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = keyOf(end);
  }
}
