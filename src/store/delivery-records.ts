// The `deliveries` table; see src/core/deliveries.ts.
import type { Approval, Channel } from '../core/approval.ts';
import type { Delivery, DeliveryRecords } from '../core/deliveries.ts';
import type { Statement, Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';
import type { DeliveriesTable } from './schema.ts';

export function createDeliveryRecords(store: Store): DeliveryRecords {
  async function read(query: Parameters<typeof statement>[0]): Promise<readonly Delivery[]> {
    return (await store.query<DeliveriesTable>(statement(query))).map(fromRow);
  }

  return {
    told: (approval, at) => channelsOf(approval).map((channel) => told(approval, channel, at)),

    list: (approval) =>
      read(
        queries
          .selectFrom('deliveries')
          .selectAll()
          .where('approval', '=', approval)
          .orderBy('channel')
          .orderBy('part', 'desc'),
      ),

    due(now, limit) {
      return read(
        queries
          .selectFrom('deliveries')
          .selectAll()
          .where('state', '=', 'waiting')
          .where('due_at', '<=', now)
          .where((row) => {
            const request = row
              .selectFrom('deliveries as request')
              .select('request.approval')
              .whereRef('request.approval', '=', 'deliveries.approval')
              .whereRef('request.channel', '=', 'deliveries.channel')
              .where('request.part', '=', 'request')
              .where('request.state', '=', 'waiting');
            return row.or([row('part', '=', 'request'), row.not(row.exists(request))]);
          })
          .orderBy('due_at')
          .limit(limit),
      );
    },

    claimed: (delivery, until) =>
      statement(unchanged(delivery).set({ due_at: until, attempts: delivery.attempts + 1 }), 1),

    settled: (delivery, state, handle) =>
      statement(
        unchanged(delivery).set({
          state,
          ...(state === 'given_up' ? {} : { error: null }),
          ...(handle === undefined ? {} : { handle }),
        }),
      ),

    failed: (delivery, error, dueAt) => statement(unchanged(delivery).set({ error, due_at: dueAt })),

    handled: (approval, channel, handle) =>
      statement(
        queries
          .updateTable('deliveries')
          .set({ handle })
          .where('approval', '=', approval)
          .where('channel', '=', channel)
          .where('part', '=', 'request'),
      ),
  };
}

function channelsOf({ requirements }: Approval): readonly Channel[] {
  return [...new Set(requirements.flatMap(({ notify }) => notify ?? []))];
}

/** The first word is a request; every later one is about what became of it. */
function told({ id, state, reviews }: Approval, channel: Channel, at: number): Statement {
  const part = state === 'pending' && reviews.length === 0 ? 'request' : 'outcome';
  const row: DeliveriesTable = {
    ...{ approval: id, channel, part, state: 'waiting', revision: 1, attempts: 0 },
    ...{ due_at: at, error: null, handle: null },
  };
  return statement(
    queries
      .insertInto('deliveries')
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(['approval', 'channel', 'part']).doUpdateSet((old) => ({
          ...{ state: 'waiting' as const, attempts: 0, due_at: at, error: null },
          revision: old('deliveries.revision', '+', 1),
        })),
      ),
    1,
  );
}

function unchanged({ approval, channel, part, revision, dueAt }: Delivery) {
  return queries
    .updateTable('deliveries')
    .where('approval', '=', approval)
    .where('channel', '=', channel)
    .where('part', '=', part)
    .where('state', '=', 'waiting')
    .where('revision', '=', revision)
    .where('due_at', '=', dueAt);
}

function fromRow(row: DeliveriesTable): Delivery {
  return {
    approval: row.approval,
    channel: row.channel,
    part: row.part,
    state: row.state,
    revision: row.revision,
    attempts: row.attempts,
    dueAt: row.due_at,
    error: row.error ?? undefined,
    handle: row.handle ?? undefined,
  };
}
