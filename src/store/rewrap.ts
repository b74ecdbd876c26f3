// Seals anew, under the current key, what is sealed under older ones: payloads, and the values behind tokens.
import { sql } from 'kysely';
import { StoreError } from '../core/errors.ts';
import type { KeyRing } from '../core/keys.ts';
import { seal, unseal } from '../core/sealing.ts';
import { Conflict } from '../core/store.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

/** Rows that are looked at in one turn: their key's id alone, for what is sealed may be large. */
const WINDOW = 1_000;
/** Rows that are sealed anew at one time. */
const AT_ONCE = 16;

export type SealedTable = 'payloads' | 'tokens';

export interface Rewrapped {
  readonly count: number;
  /** Rows that no key of the ring opens. */
  readonly unreadable: number;
}

interface Row {
  readonly place: string | number;
  /** Of tokens alone. */
  readonly principal_key?: string;
  /** Of the key: four bytes. */
  readonly key: Uint8Array;
}

/**
 * Every row that was there when it began is sealed under the current key when it resolves, and was readable throughout
 * by whoever has both keys. May run on several brokers at once. Rejects with StoreError; what is done by then stays done.
 */
export async function rewrap(
  store: Pick<Store, 'commit' | 'query'>,
  table: SealedTable,
  ring: KeyRing,
  signal?: AbortSignal,
): Promise<Rewrapped> {
  let count = 0;
  let unreadable = 0;
  const renew = async (row: Row): Promise<void> => {
    const [found] = await store.query<{ sealed: Uint8Array }>(one(table, row));
    // Erased, or sealed anew by somebody else, since it was looked at.
    if (found === undefined || hex(found.sealed.subarray(1, 5)) === ring.current) return;
    try {
      const { salt, plaintext } = unseal(ring, found.sealed);
      await store.commit({ statements: [replaced(table, row, found.sealed, seal(ring, salt, plaintext))] });
      count++;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      // In a Conflict, the same in this very moment.
      if (!(error instanceof Conflict)) unreadable++;
    }
  };
  for await (const rows of windows(store, table)) {
    const old = rows.filter(({ key }) => hex(key) !== ring.current);
    for (let at = 0; at < old.length; at += AT_ONCE) {
      if (signal?.aborted === true) return { count, unreadable };
      await Promise.all(old.slice(at, at + AT_ONCE).map(renew));
    }
  }
  return { count, unreadable };
}

/** How many rows are sealed under each key. */
export async function sealedUnder(
  store: Pick<Store, 'query'>,
  table: SealedTable,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const rows of windows(store, table)) {
    for (const id of rows.map(({ key }) => hex(key))) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

async function* windows(store: Pick<Store, 'query'>, table: SealedTable): AsyncIterable<readonly Row[]> {
  for (let after: Row | undefined; ;) {
    const rows: readonly Row[] = await store.query<Row>(page(table, after));
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1);
  }
}

/** Sealed bytes begin with their form (1) and the id of their key (4): see src/core/sealing.ts. */
const KEY = sql<Uint8Array>`substr(sealed, 2, 4)`.as('key');

function page(table: SealedTable, after: Row | undefined) {
  if (table === 'payloads') {
    const payloads = queries.selectFrom('payloads').select(['seq as place', KEY]).orderBy('seq').limit(WINDOW);
    return statement(after === undefined ? payloads : payloads.where('seq', '>', Number(after.place)));
  }
  const tokens = queries
    .selectFrom('tokens')
    .select(['principal_key', 'token as place', KEY])
    .orderBy('principal_key')
    .orderBy('token')
    .limit(WINDOW);
  if (after === undefined) return statement(tokens);
  return statement(tokens.where(sql<boolean>`(principal_key, token) > (${after.principal_key}, ${after.place})`));
}

function one(table: SealedTable, { place, principal_key: principal = '' }: Row) {
  return statement(
    table === 'payloads'
      ? queries.selectFrom('payloads').select('sealed').where('seq', '=', Number(place))
      : queries
          .selectFrom('tokens')
          .select('sealed')
          .where('principal_key', '=', principal)
          .where('token', '=', String(place)),
  );
}

function replaced(
  table: SealedTable,
  { place, principal_key: principal = '' }: Row,
  before: Uint8Array,
  sealed: Uint8Array,
) {
  return statement(
    table === 'payloads'
      ? queries.updateTable('payloads').set({ sealed }).where('seq', '=', Number(place)).where('sealed', '=', before)
      : queries
          .updateTable('tokens')
          .set({ sealed })
          .where('principal_key', '=', principal)
          .where('token', '=', String(place))
          .where('sealed', '=', before),
    1,
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
