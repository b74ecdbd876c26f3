// The log's Merkle tree in a store. Tiles of level 0 are not kept twice: they are the entries' own leaf hashes.
import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { KeptCheckpoint, LogTree, TreeTile, WritableLogTree } from '../core/log-tree.ts';
import type { Statement, Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

const TILE_WIDTH = 16;

export function readLogTree(store: Pick<Store, 'query'>): LogTree {
  return {
    async origin() {
      const [row] = await store.query<{ value: string }>(statement(ORIGIN));
      return row?.value ?? '';
    },
    async latest() {
      const query = queries.selectFrom('checkpoints').selectAll().orderBy('size', 'desc').limit(1);
      const [row] = await store.query<KeptCheckpoint>(statement(query));
      return row;
    },
    async leaves(after, limit) {
      const query = queries.selectFrom('entries').select('leaf').where('seq', '>', after).orderBy('seq').limit(limit);
      return (await store.query<{ leaf: Uint8Array }>(statement(query))).map(({ leaf }) => leaf);
    },
    async tile(level, index) {
      if (level === 0) return Buffer.concat(await this.leaves(index * TILE_WIDTH, TILE_WIDTH));
      const query = queries
        .selectFrom('tiles')
        .select('hashes')
        .where('level', '=', level)
        .where('position', '=', index);
      const [row] = await store.query<{ hashes: Uint8Array }>(statement(query));
      return row?.hashes ?? Buffer.alloc(0);
    },
  };
}

/** Gives the log its name, where it has none yet. */
export async function openLogTree(store: Store): Promise<WritableLogTree> {
  const value = `sallyport/${randomBytes(8).toString('hex')}`;
  const name = queries.insertInto('settings').values({ name: 'origin', value });
  await store.commit({ statements: [statement(name.onConflict((conflict) => conflict.doNothing()))] });
  return {
    ...readLogTree(store),
    async keep(checkpoint, tiles) {
      await store.commit({ statements: [insertNewest(checkpoint), ...tiles.map(upsertTile)] });
    },
  };
}

const ORIGIN = queries.selectFrom('settings').select('value').where('name', '=', 'origin');

/** First of its change: a broker that is behind another must not put back the tiles it knows. */
function insertNewest({ size, note }: KeptCheckpoint): Statement {
  const newest = sql`insert into checkpoints (size, note) select ${sql.val(size)}, ${sql.val(note)}
    where not exists (select 1 from checkpoints where size >= ${sql.val(size)})`;
  return statement({ compile: () => newest.compile(queries) }, 1);
}

/** Compiled once: a busy log changes hundreds of tiles a second. */
const UPSERT_TILE = queries
  .insertInto('tiles')
  .values({ level: 0, position: 0, hashes: Buffer.alloc(0) })
  .onConflict((conflict) =>
    conflict.columns(['level', 'position']).doUpdateSet((row) => ({ hashes: row.ref('excluded.hashes') })),
  )
  .compile().sql;

function upsertTile({ level, index, hashes }: TreeTile): Statement {
  return { sql: UPSERT_TILE, parameters: [level, index, hashes], expectRows: 1 };
}
