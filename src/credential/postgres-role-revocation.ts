// Ends a lease's role so that nothing of it survives, clients that reconnect all the time included.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const ROUND_MS = 2;
/** A session that is told to end ends within this, or something is wrong with the server. */
const END_TIMEOUT_MS = 5_000;
/** A login under way waits for nothing but the processor, once it has looked the role up. */
const LOGIN_TIMEOUT_MS = 500;

/**
 * When it resolves, the role is gone and no session of it is alive. Idempotent. VALID UNTIL is looked at when somebody
 * logs in and at no other time, and DROP ROLE ends no session. So the role goes first, which closes the door; then those
 * who were in the doorway are waited for, and everybody inside is put out by the number of the role that was.
 */
export async function revokeRole(client: pg.PoolClient, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role);
  const number = `select oid::text from pg_roles where rolname = ${pg.escapeLiteral(role)}`;
  let kept: Error | undefined;
  let found: pg.QueryResult<{ oid: string }> | undefined;
  try {
    // Two statements in one round trip: node-postgres gives a result for each.
    const both: unknown = await client.query(`${number}; drop role if exists ${name}`);
    [found] = both as readonly pg.QueryResult<{ oid: string }>[];
  } catch (error) {
    // It owns something, and stays for an operator to see to; but nobody logs in with it any more.
    kept = error instanceof Error ? error : new Error('it could not be dropped', { cause: error });
    found = await client.query<{ oid: string }>(number);
    await client.query(`alter role ${name} nologin connection limit 0`);
  }
  await endSessions(client, role, found?.rows[0]?.oid ?? '0');
  if (kept !== undefined) throw kept;
}

async function endSessions(client: pg.PoolClient, role: string, oid: string): Promise<void> {
  const started = performance.now();
  let doorway = await loginsUnderWay(client);
  for (;;) {
    // After the doorway: who leaves it in between is counted here.
    const { rows } = await client.query<{ alive: number }>(TERMINATE, [oid, role]);
    if (rows[0]?.alive === 0 && doorway.length === 0) return;
    const waited = performance.now() - started;
    if (waited > END_TIMEOUT_MS) throw new Error(`sessions of ${role} do not end when they are told to`);
    await delay(ROUND_MS);
    doorway =
      waited > LOGIN_TIMEOUT_MS ? [] : (await loginsUnderWay(client)).filter((login) => doorway.includes(login));
  }
}

/** A role that is gone has no name here: its sessions keep the one that they gave the application. */
const TERMINATE = `
  select count(*)::int as alive, count(*) filter (where pg_terminate_backend(pid))::int as told
  from pg_stat_activity
  where usesysid = $1::oid or (usename is null and application_name = $2)`;

/**
 * The transactions that logins run in. A server process opens one before it looks the role up, and closes it after it has
 * entered its user into pg_stat_activity (InitPostgres in postinit.c): in between it shows up nowhere else.
 */
async function loginsUnderWay(client: pg.PoolClient): Promise<readonly string[]> {
  const { rows } = await client.query<{ login: string }>(
    `select virtualtransaction as login from pg_locks
     where locktype = 'virtualxid' and pid not in (select pid from pg_stat_activity where usesysid is not null)`,
  );
  return rows.map(({ login }) => login);
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
