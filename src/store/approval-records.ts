// The `approvals` and `reviews` tables; see src/core/approval-records.ts.
import { sql, type SqlBool } from 'kysely';
import type { Approval, Review } from '../core/approval.ts';
import { systemClock } from '../core/clock.ts';
import type { ApprovalRecords } from '../core/approval-records.ts';
import type { Store } from '../core/store.ts';
import { watchApprovals } from './approval-watch.ts';
import { queries, statement } from './queries.ts';
import type { ApprovalsTable, ReviewsTable } from './schema.ts';
import { concerned } from './target-rows.ts';

const OPEN: Approval['state'][] = ['pending', 'approved'];

export function createApprovalRecords(store: Store): ApprovalRecords {
  const watch = watchApprovals(store, systemClock);

  async function read(query: Parameters<typeof statement>[0]): Promise<readonly Approval[]> {
    const rows = await store.query<ApprovalsTable>(statement(query));
    if (rows.length === 0) return [];
    const ids = rows.map(({ id }) => id);
    const reviews = await store.query<ReviewsTable>(
      statement(queries.selectFrom('reviews').selectAll().where('approval', 'in', ids).orderBy('at')),
    );
    return rows.map((row) =>
      fromRow(
        row,
        reviews.filter(({ approval }) => approval === row.id),
      ),
    );
  }

  return {
    async findOpen(digest) {
      const open = queries.selectFrom('approvals').selectAll().where('digest', '=', digest).where('state', 'in', OPEN);
      return (await read(open))[0];
    },

    async find(id) {
      return (await read(queries.selectFrom('approvals').selectAll().where('id', '=', id)))[0];
    },

    list({ state, limit }) {
      const all = queries.selectFrom('approvals').selectAll().orderBy('id', 'desc').limit(limit);
      return read(state === undefined ? all : all.where('state', '=', state));
    },

    overdue(now) {
      const overdue = queries.selectFrom('approvals').selectAll().where('state', 'in', OPEN);
      return read(overdue.where('expires_at', '<=', now).limit(1_000));
    },

    openOf: (target) =>
      read(queries.selectFrom('approvals').selectAll().where('state', 'in', OPEN).where(concerned(target))),

    async countPending(principalKey) {
      const pending = queries
        .selectFrom('approvals')
        .select((row) => row.fn.countAll<number>().as('count'))
        .where('principal_key', '=', principalKey)
        .where('state', '=', 'pending');
      const [row] = await store.query<{ count: number | string }>(statement(pending));
      return Number(row?.count ?? 0);
    },

    opened: (approval, principalKey, most) => [
      statement(
        queries
          .insertInto('approvals')
          .values(toRow(approval, principalKey))
          .onConflict((conflict) => conflict.doNothing()),
        1,
      ),
      // Counted once more, with this one: calls of the same moment have all counted before.
      statement(
        queries.updateTable('approvals').set({ decided_at: null }).where('id', '=', approval.id)
          .where(sql<SqlBool>`(select count(*) from approvals as pending
            where pending.principal_key = ${principalKey} and pending.state = 'pending') <= ${sql.lit(most)}`),
        1,
      ),
    ],

    moved: (id, from, to, at) =>
      statement(
        queries
          .updateTable('approvals')
          .set({ state: to, decided_at: at })
          .where('id', '=', id)
          .where('state', '=', from),
        1,
      ),

    reviewed: (id, review, earlier) =>
      statement(
        queries
          .insertInto('reviews')
          .columns([...REVIEW_COLUMNS, 'at', 'grant_ms', 'grant_uses'])
          .expression(reviewUnlessMore(reviewRow(id, review), earlier))
          .onConflict((conflict) => conflict.doNothing()),
        1,
      ),

    awaited: (id, invocation) =>
      statement(
        queries.updateTable('approvals').set({ waiter: invocation }).where('id', '=', id).where('state', 'in', OPEN),
        1,
      ),

    used: (id, invocation, at) =>
      statement(
        queries
          .updateTable('approvals')
          .set({ state: 'used', used_by: invocation, decided_at: at })
          .where('id', '=', id)
          .where('state', '=', 'approved')
          .where('waiter', '=', invocation),
        1,
      ),

    settled: (id, ms, signal) => watch.settled(id, ms, signal),
  };
}

function toRow(approval: Approval, principalKey: string): ApprovalsTable {
  return {
    id: approval.id,
    digest: approval.digest,
    state: approval.state,
    principal_key: principalKey,
    principal: JSON.stringify(approval.principal),
    session: approval.session,
    tool: approval.tool,
    backend: approval.backend,
    invocation: approval.invocation,
    policy: approval.policy,
    requirements: JSON.stringify(approval.requirements),
    grant_scope: approval.grantScope ?? null,
    requested_at: approval.requestedAt,
    expires_at: approval.expiresAt,
    decided_at: null,
    waiter: approval.waiter ?? null,
    used_by: null,
  };
}

function fromRow(row: ApprovalsTable, reviews: readonly ReviewsTable[]): Approval {
  return {
    id: row.id,
    digest: row.digest,
    state: row.state,
    principal: JSON.parse(row.principal) as Approval['principal'],
    session: row.session,
    tool: row.tool,
    backend: row.backend,
    invocation: row.invocation,
    policy: row.policy,
    requirements: JSON.parse(row.requirements) as Approval['requirements'],
    grantScope: row.grant_scope ?? undefined,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    waiter: row.waiter ?? undefined,
    usedBy: row.used_by ?? undefined,
    reviews: reviews.map((review) => ({
      person: JSON.parse(review.person) as Review['person'],
      verdict: review.verdict,
      reason: review.reason ?? undefined,
      at: review.at,
      grant: grantOf(review),
    })),
  };
}

function grantOf({ grant_ms: forMs, grant_uses: uses }: ReviewsTable): Review['grant'] {
  return forMs === null || uses === null ? undefined : { forMs, uses };
}

const REVIEW_COLUMNS = ['approval', 'issuer', 'subject', 'person', 'verdict', 'reason'] as const;

/** The row to insert, where there are no other reviews than those that were counted with it. */
function reviewUnlessMore(row: ReviewsTable, earlier: number) {
  const texts = sql.join(REVIEW_COLUMNS.map((column) => row[column]));
  const numbers = sql`${sql.lit(row.at)}, ${sql.lit(row.grant_ms)}, ${sql.lit(row.grant_uses)}`;
  const known = sql`(select count(*) from reviews where approval = ${row.approval}) = ${sql.lit(earlier)}`;
  return sql`select ${texts}, ${numbers} where ${known}`;
}

function reviewRow(approval: string, { person, verdict, reason, at, grant }: Review): ReviewsTable {
  const { issuer, subject } = person;
  const given = { grant_ms: grant?.forMs ?? null, grant_uses: grant?.uses ?? null };
  return { approval, issuer, subject, person: JSON.stringify(person), verdict, reason: reason ?? null, at, ...given };
}
