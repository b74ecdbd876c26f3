// Reads the log from a store.
import { sql } from 'kysely';
import { BROKER_SILENT_MS } from '../core/limits.ts';
import type { EntryFilter, LogSource, WrittenEntry } from '../core/log-source.ts';
import type { Statement, Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export function storeLogSource(store: Pick<Store, 'query'>): LogSource {
  return {
    async entries(filter, limit, newest) {
      const rows = await store.query<WrittenEntry>(statement(select(filter, limit, newest === 'newest')));
      return newest === 'newest' ? rows.toReversed() : rows;
    },
    async sealedPayload(seq) {
      const query = queries.selectFrom('payloads').select('sealed').where('seq', '=', seq);
      const [row] = await store.query<{ sealed: Uint8Array }>(statement(query));
      return row?.sealed;
    },
    async isAlive(broker, now) {
      const query = queries.selectFrom('brokers').select(['heartbeat_at', 'stopped_at']).where('id', '=', broker);
      const [row] = await store.query<{ heartbeat_at: number; stopped_at: number | null }>(statement(query));
      return row?.stopped_at === null && now - row.heartbeat_at < BROKER_SILENT_MS;
    },
  };
}

function select(filter: EntryFilter, limit: number, newest: boolean) {
  let query = queries.selectFrom('entries').select(['seq', sql<string>`cast(body as text)`.as('text')]);
  const { afterSeq, since, until, principal, outcome, rule, text } = filter;
  for (const member of ['invocation', 'session', 'tool', 'type'] as const) {
    const wanted = filter[member];
    if (wanted !== undefined) query = query.where(sql`body ->> ${sql.lit(member)}`, '=', wanted);
  }
  if (afterSeq !== undefined) query = query.where('seq', '>', afterSeq);
  if (since !== undefined) query = query.where(sql`body ->> 'time'`, '>=', since);
  if (until !== undefined) query = query.where(sql`body ->> 'time'`, '<', until);
  if (principal !== undefined) {
    query = query.where(
      sql<boolean>`${principal} in (body -> 'principal' ->> 'subject', body -> 'principal' ->> 'actor')`,
    );
  }
  if (outcome === 'refused') query = query.where(sql`body ->> 'type'`, '=', 'refused');
  else if (outcome !== undefined) query = query.where(sql`body ->> 'outcome'`, '=', outcome);
  // A rule's id stands in the list as a JSON string; no other string of the list can contain its quotes.
  if (rule !== undefined) query = query.where(contains(sql`body -> 'decision' ->> 'rules'`, JSON.stringify(rule)));
  if (text !== undefined) query = query.where(contains(sql`cast(body as text)`, text));
  return query.orderBy('seq', newest ? 'desc' : 'asc').limit(limit);
}

/** LIKE on both engines; what the user typed is no pattern. */
function contains(expression: ReturnType<typeof sql>, text: string) {
  const pattern = `%${text.replaceAll(/[\\%_]/g, (character) => `\\${character}`)}%`;
  return sql<boolean>`${expression} like ${pattern} escape '\\'`;
}

/** To be committed with the `payload.erased` entry that names it. Conflict where there is none to erase. */
export function erasePayload(seq: number): Statement {
  return statement(queries.deleteFrom('payloads').where('seq', '=', seq), 1);
}

/** Numbers of entries before `time` (RFC 3339) that still have a payload: what a retention rule erases, in portions. */
export async function payloadsBefore(store: Pick<Store, 'query'>, time: string, limit: number): Promise<number[]> {
  const query = queries
    .selectFrom('payloads')
    .innerJoin('entries', 'entries.seq', 'payloads.seq')
    .select('payloads.seq')
    .where(sql`body ->> 'time'`, '<', time)
    .orderBy('payloads.seq')
    .limit(limit);
  return (await store.query<{ seq: number }>(statement(query))).map(({ seq }) => seq);
}
