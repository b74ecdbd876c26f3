// The `switches` table, and the marks on leases that were taken back; see src/core/switches.ts.
import { sql, type SqlBool } from 'kysely';
import type { NamedPerson } from '../core/approval.ts';
import type { Statement, Store } from '../core/store.ts';
import type { Switch, SwitchRecords, Target } from '../core/switches.ts';
import { leaseFromRow } from './lease-records.ts';
import { queries, statement } from './queries.ts';
import type { LeasesTable, SessionsTable, SwitchesTable } from './schema.ts';
import { concerned } from './target-rows.ts';

const REVISION = 'switches';

export function createSwitchRecords(store: Store): SwitchRecords {
  const open = queries.selectFrom('leases').selectAll().where('ended_at', 'is', null);

  async function read<Row>(query: Parameters<typeof statement>[0]): Promise<readonly Row[]> {
    return store.query<Row>(statement(query));
  }

  return {
    async revision() {
      const [row] = await read<{ value: string }>(
        queries.selectFrom('settings').select('value').where('name', '=', REVISION),
      );
      return Number(row?.value);
    },

    async list() {
      return (await read<SwitchesTable>(queries.selectFrom('switches').selectAll().orderBy('at', 'desc'))).map(fromRow);
    },

    async recalled() {
      return (await read<LeasesTable>(open.where('recalled_at', 'is not', null))).map(leaseFromRow);
    },

    async leases(limit) {
      return (await read<LeasesTable>(open.orderBy('id', 'desc').limit(limit))).map(leaseFromRow);
    },

    async lease(id) {
      const [row] = await read<LeasesTable>(queries.selectFrom('leases').selectAll().where('id', '=', id));
      return row && { ...leaseFromRow(row), endedAt: row.ended_at ?? undefined };
    },

    async countLeases(target) {
      const query = queries.selectFrom('leases').select((row) => row.fn.countAll<number | string>().as('count'));
      const running = query.where('ended_at', 'is', null).where('recalled_at', 'is', null).where(concerned(target));
      const [row] = await read<{ count: number | string }>(running);
      return Number(row?.count ?? 0);
    },

    async sessions(since, limit) {
      const query = queries.selectFrom('sessions').selectAll().where('last_seen_at', '>=', since);
      const rows = await read<SessionsTable>(query.orderBy('last_seen_at', 'desc').limit(limit));
      return rows.map((row) => {
        const [issuer = '', subject = '', actor = ''] = JSON.parse(row.principal_key) as readonly string[];
        const { id, label, started_at: startedAt, last_seen_at: lastSeenAt } = row;
        return { id, label, principal: { issuer, subject, actor }, startedAt, lastSeenAt };
      });
    },

    off: (change) => [
      changed(),
      statement(
        queries
          .insertInto('switches')
          .columns(['kind', 'issuer', 'name', 'reason', 'person', 'at'])
          .expression(
            sql`select ${change.kind}, ${issuerOf(change)}, ${change.name}, ${change.reason},
              ${JSON.stringify(change.person)}, ${sql.lit(change.at)} where ${mayChange(change.person)}`,
          ),
        1,
      ),
      statement(
        queries
          .updateTable('leases')
          .set({ recalled_at: change.at })
          .where('ended_at', 'is', null)
          .where('recalled_at', 'is', null)
          .where(concerned(change)),
      ),
    ],

    on: (target, by) => [
      changed(),
      statement(
        queries
          .deleteFrom('switches')
          .where('kind', '=', target.kind)
          .where('name', '=', target.name)
          .where('issuer', '=', issuerOf(target))
          .where(mayChange(by)),
        1,
      ),
    ],

    recall: (lease, at, by) => [
      changed(),
      statement(
        queries
          .updateTable('leases')
          .set({ recalled_at: at })
          .where('id', '=', lease)
          .where('ended_at', 'is', null)
          .where('recalled_at', 'is', null)
          .where(mayChange(by)),
        1,
      ),
    ],
  };
}

/** First of all statements of a change: who changes waits here for whoever is changing, and then sees what that did. */
function changed(): Statement {
  const next = sql<string>`cast(cast(value as bigint) + 1 as text)`;
  return statement(queries.updateTable('settings').set({ value: next }).where('name', '=', REVISION), 1);
}

/** Two admins who block each other in one moment must not both be shut out: the second is blocked already. */
function mayChange({ issuer, subject }: NamedPerson) {
  return sql<SqlBool>`not exists (select 1 from switches as block
    where block.kind = 'subject' and block.name = ${subject} and block.issuer in ('', ${issuer}))`;
}

function issuerOf({ issuer = '' }: Target): string {
  return issuer;
}

function fromRow({ kind, issuer, name, reason, person, at }: SwitchesTable): Switch {
  const named = JSON.parse(person) as NamedPerson;
  return { kind, name, ...(issuer === '' ? {} : { issuer }), reason, person: named, at };
}
