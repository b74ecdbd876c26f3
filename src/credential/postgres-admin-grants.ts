// `check --connect`: whether the login that makes leases may do what it must, and no more.
import type pg from 'pg';
import type { Report } from '../core/problem.ts';

/** From this version on CREATEROLE reaches only roles it was given ADMIN on. */
const BOUNDED_CREATEROLE = 160_000;

/** Reports at the backend's declaration. */
export async function examineAdmin(client: pg.PoolClient, memberOf: readonly string[], report: Report): Promise<void> {
  const at = { path: ['credential', 'admin'] };
  const { rows } = await client.query<{
    login: string;
    superuser: boolean;
    createrole: boolean;
    signals: boolean;
    version: number;
  }>(
    `select rolname as login, rolsuper as superuser, rolcreaterole as createrole,
       pg_has_role(current_user, 'pg_signal_backend', 'usage') as signals,
       current_setting('server_version_num')::int as version
     from pg_roles where rolname = current_user`,
  );
  const admin = rows[0];
  if (admin === undefined) return;
  const { login } = admin;
  if (admin.superuser) {
    report.warning(
      at,
      `${login} is a superuser, which is far more than making roles needs`,
      `create a login with CREATEROLE for it`,
    );
    return;
  }
  if (!admin.createrole) report.error(at, `${login} may not create roles`, `alter role ${login} createrole`);
  if (!admin.signals) {
    report.error(at, `${login} may not end other logins' sessions`, `grant pg_signal_backend to ${login}`);
  }
  if (admin.createrole && admin.version < BOUNDED_CREATEROLE) {
    report.warning(
      at,
      `before Postgres 16, CREATEROLE lets ${login} join any role but superusers, such as pg_read_server_files`,
      'guard this login as you would a superuser, or move to Postgres 16 or later',
    );
  }
  const groups = await client.query<{
    name: string;
    exists: boolean;
    login: boolean | null;
    superuser: boolean | null;
    admin: boolean;
  }>(
    `select name, r.oid is not null as exists, r.rolcanlogin as login, r.rolsuper or r.rolcreaterole as superuser,
       coalesce(pg_has_role(current_user, r.oid, 'usage with admin option'), false)
         or exists (select from pg_auth_members m where m.roleid = r.oid and m.admin_option
                    and m.member = (select oid from pg_roles where rolname = current_user)) as admin
     from unnest($1::text[]) as name left join pg_roles r on r.rolname = name`,
    [memberOf],
  );
  for (const [index, group] of groups.rows.entries()) {
    const place = { path: ['credential', 'memberOf', index] };
    if (!group.exists) report.error(place, `there is no role ${group.name}`, `create role ${group.name} nologin`);
    else if (!group.admin && admin.version >= BOUNDED_CREATEROLE) {
      report.error(
        place,
        `${login} may not give ${group.name} to others`,
        `grant ${group.name} to ${login} with admin option`,
      );
    }
    if (group.superuser === true) {
      report.error(place, `${group.name} is a superuser or may create roles: a lease would be able to do anything`);
    }
  }
}
