// Ends a lease's role so that nothing of it survives, clients that reconnect all the time included.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A login that was let in just before the role was closed shows up within this time. */
const SETTLE_MS = 5;
const ROUNDS = 200;

const TERMINATE = `
  select count(*)::int as alive, count(*) filter (where pg_terminate_backend(pid))::int as told
  from pg_stat_activity
  where usesysid = $1::oid or (usename is null and application_name = $2)`;

/**
 * When it resolves, the role is gone and no session of it is alive. Idempotent. VALID UNTIL is looked at when somebody
 * logs in and at no other time, and DROP ROLE ends no session: so the door is closed first, then everybody is put out,
 * then the role goes, and then whoever slipped in is put out by the number of the role that was.
 */
export async function revokeRole(client: pg.PoolClient, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role);
  const found = await client.query<{ oid: string }>('select oid::text from pg_roles where rolname = $1', [role]);
  const oid = found.rows[0]?.oid ?? '0';
  if (found.rows.length > 0) {
    try {
      await client.query(`alter role ${name} nologin connection limit 0`);
      await client.query(TERMINATE, [oid, role]);
      await client.query(`drop role if exists ${name}`);
    } catch (error) {
      if (!isUndefinedObject(error)) throw error; // Another broker's sweep was first.
    }
  }
  let quiet = 0;
  for (let round = 0; quiet < 2; round += 1) {
    if (round === ROUNDS) throw new Error(`sessions of ${role} do not end when they are told to`);
    const sessions = await client.query<{ alive: number }>(TERMINATE, [oid, role]);
    quiet = sessions.rows[0]?.alive === 0 ? quiet + 1 : 0;
    if (quiet < 2) await delay(SETTLE_MS);
  }
}

function isUndefinedObject(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '42704';
}
