// Reads the log from a store.
import { sql } from 'kysely';
import { BROKER_SILENT_MS } from '../core/limits.ts';
import type { EntryFilter, LogSource, WrittenEntry } from '../core/log-source.ts';
import type { KeptPayload, PayloadRecords } from '../core/payload-records.ts';
import type { Store } from '../core/store.ts';
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

/** What a payload is found and removed by; see src/core/payload-records.ts. */
export function payloadRecords(store: Pick<Store, 'query'>): PayloadRecords {
  const kept = queries
    .selectFrom('payloads')
    .innerJoin('entries', 'entries.seq', 'payloads.seq')
    .orderBy('payloads.seq');
  return {
    async ofInvocation(invocation, limit) {
      const query = kept.select('payloads.seq').where(sql`body ->> ${sql.lit('invocation')}`, '=', invocation);
      return (await store.query<{ seq: number }>(statement(query.limit(limit)))).map(({ seq }) => seq);
    },
    after(seq, limit) {
      const facts = (['time', 'type', 'tool'] as const).map((member) =>
        sql<string>`body ->> ${sql.lit(member)}`.as(member),
      );
      const query = kept.select(['payloads.seq', ...facts]).where('payloads.seq', '>', seq);
      return store.query<KeptPayload>(statement(query.limit(limit)));
    },
    erased: (seq) => statement(queries.deleteFrom('payloads').where('seq', '=', seq), 1),
  };
}
