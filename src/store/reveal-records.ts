// The `reveals` table: who has asked to see what a token stands for, and who has agreed. See src/core/reveals.ts.
import type { NamedPerson } from '../core/approval.ts';
import type { RevealRecords } from '../core/reveals.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';
import type { RevealsTable } from './schema.ts';

export function createRevealRecords(store: Pick<Store, 'query'>): RevealRecords {
  return {
    async find(id, now) {
      const asked = queries.selectFrom('reveals').selectAll().where('id', '=', id).where('expires_at', '>', now);
      const [row] = await store.query<RevealsTable>(statement(asked));
      if (row === undefined) return undefined;
      const { token, reason, expires_at: expiresAt, person, approver } = row;
      return {
        ...{ id, token, reason, expiresAt },
        person: JSON.parse(person) as NamedPerson,
        approver: approver === null ? undefined : (JSON.parse(approver) as NamedPerson),
      };
    },

    opened({ id, token, person, reason, expiresAt }, now) {
      const row = { id, token, person: JSON.stringify(person), reason, expires_at: expiresAt, approver: null };
      return [
        statement(queries.deleteFrom('reveals').where('expires_at', '<=', now)),
        statement(queries.insertInto('reveals').values(row)),
      ];
    },

    approved(id, approver, now) {
      const open = queries
        .updateTable('reveals')
        .set({ approver: JSON.stringify(approver) })
        .where('id', '=', id)
        .where('approver', 'is', null)
        .where('expires_at', '>', now);
      return statement(open, 1);
    },

    used: (id) => statement(queries.deleteFrom('reveals').where('id', '=', id).where('approver', 'is not', null), 1),
  };
}
