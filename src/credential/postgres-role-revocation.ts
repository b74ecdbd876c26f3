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
 * logs in and at no other time, and DROP ROLE ends no session: so the role goes first, which closes the door, and then
 * everybody is put out by the number of the role that was, until nobody has slipped in twice in a row.
 */
export async function revokeRole(client: pg.PoolClient, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role);
  const found = await client.query<{ oid: string }>('select oid::text from pg_roles where rolname = $1', [role]);
  const oid = found.rows[0]?.oid ?? '0';
  let kept: Error | undefined;
  try {
    await client.query(`drop role if exists ${name}`);
  } catch (error) {
    // It owns something, and stays for an operator to see to; but nobody logs in with it any more.
    kept = error instanceof Error ? error : new Error('it could not be dropped', { cause: error });
    await client.query(`alter role ${name} nologin connection limit 0`);
  }
  let quiet = 0;
  for (let round = 0; quiet < 2; round += 1) {
    if (round === ROUNDS) throw new Error(`sessions of ${role} do not end when they are told to`);
    const sessions = await client.query<{ alive: number }>(TERMINATE, [oid, role]);
    quiet = sessions.rows[0]?.alive === 0 ? quiet + 1 : 0;
    if (quiet < 2) await delay(SETTLE_MS);
  }
  if (kept !== undefined) throw kept;
}

/** Roles of this deployment past their time, and roles that are gone but for a session. */
export async function leftoverRoles(client: pg.PoolClient, prefix: string): Promise<string[]> {
  const { rows } = await client.query<{ role: string }>(
    `select rolname as role from pg_roles
     where starts_with(rolname, $1) and rolvaliduntil < now() - interval '1 minute'
     union
     select application_name from pg_stat_activity where usename is null and starts_with(application_name, $1)`,
    [prefix],
  );
  return rows.map(({ role }) => role);
}
