// The `leases` table; see src/core/lease-records.ts.
import type { LeaseRecord, LeaseRecords } from '../core/lease-records.ts';
import type { EntryPrincipal } from '../core/entry.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';
import type { LeasesTable } from './schema.ts';

export function createLeaseRecords(store: Store): LeaseRecords {
  return {
    opened: (lease) => statement(queries.insertInto('leases').values(toRow(lease)), 1),

    known: (id, { reference, endsAt }) =>
      statement(
        queries
          .updateTable('leases')
          .set({ reference, ends_at: Math.floor(endsAt) })
          .where('id', '=', id)
          .where('ended_at', 'is', null),
        1,
      ),

    stranded: (id, at) =>
      statement(
        queries
          .updateTable('leases')
          .set({ stranded_at: at })
          .where('id', '=', id)
          .where('ended_at', 'is', null)
          .where('stranded_at', 'is', null),
        1,
      ),

    closed: (id, at) =>
      statement(
        queries.updateTable('leases').set({ ended_at: at }).where('id', '=', id).where('ended_at', 'is', null),
        1,
      ),

    async overdue({ broker, silentSince, recalledBefore, now }) {
      const alive = queries
        .selectFrom('brokers')
        .select('id')
        .where('id', '<>', broker)
        .where('stopped_at', 'is', null)
        .where('heartbeat_at', '>=', silentSince);
      const open = queries
        .selectFrom('leases')
        .selectAll()
        .where('ended_at', 'is', null)
        .where((row) =>
          row.or([
            row('expires_at', '<=', now),
            row('broker', 'not in', alive),
            row('recalled_at', '<=', recalledBefore),
          ]),
        )
        .orderBy('issued_at');
      return (await store.query<LeasesTable>(statement(open))).map(leaseFromRow);
    },
  };
}

function toRow(lease: LeaseRecord): LeasesTable {
  return {
    id: lease.id,
    broker: lease.broker,
    backend: lease.backend,
    provider: lease.provider,
    reference: lease.reference,
    principal_key: lease.principalKey,
    principal: JSON.stringify(lease.principal),
    session: lease.session,
    invocation: lease.invocation,
    issued_at: lease.issuedAt,
    expires_at: lease.expiresAt,
    ended_at: null,
    ends_at: lease.endsAt ?? null,
    stranded_at: lease.strandedAt ?? null,
    recalled_at: null,
    options_hash: lease.optionsHash,
  };
}

export function leaseFromRow(row: LeasesTable): LeaseRecord {
  return {
    id: row.id,
    broker: row.broker,
    backend: row.backend,
    provider: row.provider,
    reference: row.reference,
    principalKey: row.principal_key,
    principal: JSON.parse(row.principal) as EntryPrincipal,
    session: row.session,
    invocation: row.invocation,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    endsAt: row.ends_at ?? undefined,
    strandedAt: row.stranded_at ?? undefined,
    optionsHash: row.options_hash,
    recalledAt: row.recalled_at ?? undefined,
  };
}
