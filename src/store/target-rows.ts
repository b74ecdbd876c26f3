// Which rows a target concerns: of leases, approvals and grants alike, each of which has principal, session and backend. Pure.
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Target } from '../core/switches.ts';

/** A condition for `where`; the same as `concerns` in src/core/switches.ts says of values. */
export function concerned({ kind, name, issuer }: Target): RawBuilder<SqlBool> {
  if (kind === 'session') return sql`session = ${name}`;
  if (kind === 'backend') return sql`backend = ${name}`;
  const named = kind === 'subject' ? sql`principal ->> 'subject' = ${name}` : sql`principal ->> 'actor' = ${name}`;
  return issuer === undefined ? sql`(${named})` : sql`(${named} and principal ->> 'issuer' = ${issuer})`;
}
