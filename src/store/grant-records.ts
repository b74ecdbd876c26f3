// The `grants` table; see src/core/grants.ts.
import type { Grant, GrantEnd, GrantRecords } from '../core/grants.ts';
import type { Store } from '../core/store.ts';
import { watchGrants } from './grant-watch.ts';
import { queries, statement } from './queries.ts';
import type { GrantsTable } from './schema.ts';
import { concerned } from './target-rows.ts';

export function createGrantRecords(store: Store): GrantRecords {
  const watch = watchGrants(store);
  const all = queries.selectFrom('grants').selectAll().orderBy('id', 'desc');
  const running = all.where('ended_at', 'is', null);

  async function read(query: Parameters<typeof statement>[0]): Promise<readonly Grant[]> {
    return (await store.query<GrantsTable>(statement(query))).map(fromRow);
  }

  return {
    async find(id) {
      return (await read(all.where('id', '=', id)))[0];
    },

    async findUsable(scope, now) {
      const usable = running.where('scope', '=', scope).where('uses_left', '>', 0).where('expires_at', '>', now);
      return (await read(usable.limit(1)))[0];
    },

    list: (filter) => read((filter.running ? running : all).limit(filter.limit)),

    overdue: (now) => read(running.where('expires_at', '<=', now).limit(1_000)),

    runningOf: (target) => read(running.where(concerned(target))),

    opened: (grant) => statement(queries.insertInto('grants').values(toRow(grant)), 1),

    used: ({ id, usesLeft }) =>
      statement(
        queries
          .updateTable('grants')
          .set({ uses_left: usesLeft - 1 })
          .where('id', '=', id)
          .where('uses_left', '=', usesLeft)
          .where('ended_at', 'is', null),
        1,
      ),

    ended: (id, why: GrantEnd, at) =>
      statement(
        queries
          .updateTable('grants')
          .set({ ended_at: at, ended_as: why })
          .where('id', '=', id)
          .where('ended_at', 'is', null),
        1,
      ),

    signals: (id) => watch.signals(id),
  };
}

function toRow(grant: Grant): GrantsTable {
  return {
    id: grant.id,
    approval: grant.approval,
    scope: grant.scope,
    principal: JSON.stringify(grant.principal),
    session: grant.session,
    tool: grant.tool,
    backend: grant.backend,
    policy: grant.policy,
    uses: grant.uses,
    uses_left: grant.usesLeft,
    given_at: grant.givenAt,
    expires_at: grant.expiresAt,
    ended_at: null,
    ended_as: null,
  };
}

function fromRow(row: GrantsTable): Grant {
  return {
    id: row.id,
    approval: row.approval,
    scope: row.scope,
    principal: JSON.parse(row.principal) as Grant['principal'],
    session: row.session,
    tool: row.tool,
    backend: row.backend,
    policy: row.policy,
    uses: row.uses,
    usesLeft: row.uses_left,
    givenAt: row.given_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at ?? undefined,
  };
}
