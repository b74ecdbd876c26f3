import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../../src/core/problem.ts';
import { Secret } from '../../../src/core/secret.ts';
import { postgresRoleProvider } from '../../../src/credential/postgres-role-credential.ts';
import { leaseFrom, openShop, type TestLease, type TestShop } from '../../support/postgres-shop.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

function loginOf({ lease }: TestLease): string {
  const { user, password } = lease.credential;
  if (typeof user !== 'string' || !(password instanceof Secret)) throw new Error('no login');
  const url = new URL(shop.shop.databaseUrl);
  url.username = user;
  url.password = password.reveal();
  return url.href;
}

const sessionsOf = (role: string) => shop.database.query('select pid from pg_stat_activity where usename = $1', [role]);
const rolesLike = (prefix: string) =>
  shop.database.query<{ name: string }>('select rolname as name from pg_roles where starts_with(rolname, $1)', [
    prefix,
  ]);

describe('a lease’s role', () => {
  test('may log in until its time, so many times at once, as a member of the declared roles and of nothing else', async () => {
    await using lease = await shop.lease(60_000);
    const [role] = await shop.database.query(
      `select r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
         r.rolvaliduntil between now() + interval '50 seconds' and now() + interval '61 seconds' as lasts,
         (select rolpassword from pg_authid a where a.oid = r.oid) like 'SCRAM-SHA-256$%' as scram,
         array(select pg_get_userbyid(roleid)::text from pg_auth_members m where m.member = r.oid) as groups
       from pg_roles r where rolname = $1`,
      [lease.role],
    );
    expect(role).toEqual({
      rolcanlogin: true,
      rolsuper: false,
      rolcreatedb: false,
      rolcreaterole: false,
      rolreplication: false,
      rolbypassrls: false,
      rolconnlimit: 8,
      lasts: true,
      scram: true,
      groups: ['shop_support'],
    });
    expect(lease.role.length).toBeLessThanOrEqual(63);
  });

  test('does not tell its password', async () => {
    await using lease = await shop.lease();
    const { password } = lease.lease.credential;
    expect(JSON.stringify(lease.lease)).not.toContain((password as Secret).reveal());
    expect(String(password)).toBe('[redacted]');
  });

  test('can be dropped after it has made something, which is then its group’s', async () => {
    await shop.database.query('create schema workshop; grant create, usage on schema workshop to shop_support');
    const lease = await shop.lease();
    const client = new pg.Client({ connectionString: loginOf(lease) });
    await client.connect();
    await client.query('create table workshop.made (a int)');
    await client.end();
    await lease[Symbol.asyncDispose]();
    expect(await rolesLike(lease.role)).toEqual([]);
    expect(await shop.database.query("select tableowner from pg_tables where tablename = 'made'")).toEqual([
      { tableowner: 'shop_support' },
    ]);
  });

  test('holds the grants of each of several roles', async () => {
    const other = `other_${shop.database.name}`;
    await shop.database.query(
      `create role ${other}; create table extra (a int); grant select on extra to ${other}; grant ${other} to admin_${shop.database.name} with admin option`,
    );
    await using lease = await leaseFrom(shop.provider, { ...shop.options, memberOf: ['shop_support', other] }, 60_000);
    const client = new pg.Client({ connectionString: loginOf(lease) });
    await client.connect();
    await client.query('select a from extra');
    await client.query('select id from customers');
    await client.end();
  });
});

describe('revoking', () => {
  test('ends every session, and leaves no role', async () => {
    const lease = await shop.lease();
    const clients = Array.from({ length: 5 }, () => new pg.Client({ connectionString: loginOf(lease) }));
    for (const client of clients) client.on('error', () => undefined);
    await Promise.all(clients.map((client) => client.connect()));
    expect(await sessionsOf(lease.role)).toHaveLength(5);
    await shop.provider.revoke(shop.options, lease.role);
    expect(await rolesLike(lease.role)).toEqual([]);
    for (const client of clients) await expect(client.query('select 1')).rejects.toThrow();
  });

  test('may be done twice, and for a role that never was', async () => {
    const lease = await shop.lease();
    await Promise.all([
      shop.provider.revoke(shop.options, lease.role),
      shop.provider.revoke(shop.options, lease.role).catch(() => undefined),
    ]);
    await shop.provider.revoke(shop.options, lease.role);
    await shop.provider.revoke(shop.options, `${shop.prefix}never`);
  });

  test('touches no role of another deployment', async () => {
    await using lease = await shop.lease();
    await using stranger = postgresRoleProvider('stranger');
    await expect(stranger.revoke(shop.options, lease.role)).rejects.toMatchObject({
      detail: expect.stringContaining('not of this deployment') as string,
    });
    expect(await rolesLike(lease.role)).toHaveLength(1);
  });

  test('a role that owns something stays, and lets nobody in', async () => {
    const lease = await shop.lease();
    await shop.database.query(`create table kept (a int); alter table kept owner to "${lease.role}"`);
    await expect(shop.provider.revoke(shop.options, lease.role)).rejects.toMatchObject({
      detail: expect.stringContaining('cannot be dropped') as string,
    });
    await expect(new pg.Client({ connectionString: loginOf(lease) }).connect()).rejects.toThrow(
      /not permitted to log in/,
    );
    await shop.database.query('drop table kept');
    await shop.provider.revoke(shop.options, lease.role);
    expect(await rolesLike(lease.role)).toEqual([]);
  });

  // SALLYPORT_SLOW_TESTS=1 makes it a thousand.
  const rounds = process.env['SALLYPORT_SLOW_TESTS'] === '1' ? 1_000 : 25;
  test(
    `leaves no session of clients that reconnect all the time, in ${String(rounds)} rounds`,
    async () => {
      const survivors: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const lease = await shop.lease();
        const url = loginOf(lease);
        const [{ oid }] = (await shop.database.query('select oid::text from pg_roles where rolname = $1', [
          lease.role,
        ])) as [{ oid: string }];
        let going = true;
        const open: pg.Client[] = [];
        const storm = Array.from({ length: 4 }, async () => {
          while (going) {
            const client = new pg.Client({ connectionString: url });
            client.on('error', () => undefined);
            const connected = await client.connect().then(
              () => true,
              () => false,
            );
            if (connected) open.push(client);
            if (open.length > 4)
              await open
                .shift()
                ?.end()
                .catch(() => undefined);
          }
        });
        await delay(10 + Math.random() * 20);
        await shop.provider.revoke(shop.options, lease.role);
        const alive = await shop.database.query('select pid from pg_stat_activity where usesysid = $1::oid', [oid]);
        await delay(20);
        const later = await shop.database.query('select pid from pg_stat_activity where usesysid = $1::oid', [oid]);
        if (alive.length + later.length > 0) survivors.push(lease.role);
        going = false;
        await Promise.all(storm);
        await Promise.all(open.map((client) => client.end().catch(() => undefined)));
      }
      expect(survivors).toEqual([]);
      expect(await rolesLike(shop.prefix)).toEqual([]);
    },
    30_000 + rounds * 500,
  );
});

describe('leftovers', () => {
  test('are roles of this deployment whose time is over, and no others', async () => {
    await using alive = await shop.lease();
    const [old, foreign] = [`${shop.prefix}old`, `sallyport_else_${shop.database.name}`];
    await shop.database.query(
      `create role ${old} login valid until '2020-01-01'; create role ${foreign} login valid until '2020-01-01'`,
    );
    await shop.database.query(`grant ${old} to admin_${shop.database.name} with admin option`);
    expect(await shop.provider.leftovers?.(shop.options)).toEqual([old]);
    await shop.provider.revoke(shop.options, old);
    expect(await rolesLike(shop.prefix)).toEqual([{ name: alive.role }]);
    await shop.database.query(`drop role ${foreign}`);
  });
});

describe('what the admin login may do', () => {
  async function examine(admin: string, memberOf = ['shop_support']): Promise<string[]> {
    const found: string[] = [];
    const report: Report = {
      error: (place, message, hint) =>
        void found.push(`error ${place.path.join('.')}: ${message}${hint === undefined ? '' : `; ${hint}`}`),
      warning: (place, message) => void found.push(`warning ${place.path.join('.')}: ${message}`),
    };
    await shop.provider.examine(shop.provider.options.parse({ admin, memberOf }), report, AbortSignal.timeout(10_000));
    return found;
  }

  test('is enough where the grants are those of the README', async () => {
    expect(await examine(shop.shop.adminUrl)).toEqual([]);
  });

  test('a superuser is too much', async () => {
    expect(await examine(shop.database.adminUrl)).toEqual([
      expect.stringContaining('warning credential.admin: postgres is a superuser'),
    ]);
  });

  test('what is missing is told, with the statement that mends it', async () => {
    const weak = `weak_${shop.database.name}`;
    await shop.database.query(
      `create role ${weak} login password 'weak'; grant connect on database ${shop.database.name} to ${weak}`,
    );
    const url = new URL(shop.shop.databaseUrl);
    url.username = weak;
    url.password = 'weak';
    expect(await examine(url.href, ['shop_support', 'nobody_here'])).toEqual([
      `error credential.admin: ${weak} may not create roles; alter role ${weak} createrole`,
      `error credential.admin: ${weak} may not end other logins' sessions; grant pg_signal_backend to ${weak}`,
      `error credential.memberOf.0: ${weak} may not give shop_support to others; grant shop_support to ${weak} with admin option`,
      'error credential.memberOf.1: there is no role nobody_here; create role nobody_here nologin',
    ]);
    url.password = 'wrong';
    expect(await examine(url.href)).toEqual([expect.stringContaining(`the password of ${weak} is wrong`)]);
    await shop.database.query(`revoke all on database ${shop.database.name} from ${weak}; drop role ${weak}`);
  });

  test('a server that is not there is told with its address, and without the password', async () => {
    const [problem] = await examine('postgres://admin:hidden-password@127.0.0.1:1/shop');
    expect(problem).toContain('127.0.0.1:1');
    expect(problem).toContain('nothing listens');
    expect(problem).not.toContain('hidden-password');
  });

  test.each(['not a url', 'postgres://127.0.0.1/shop', 'https://a:b@127.0.0.1/shop', 'postgres://a:b@127.0.0.1'])(
    '%s is no admin url',
    (admin) => {
      expect(shop.provider.options.safeParse({ admin, memberOf: ['a'] }).success).toBe(false);
    },
  );
});

test('a role cannot be made where the server is down, and that is told to the operator', async () => {
  const options = shop.provider.options.parse({
    admin: 'postgres://admin:hidden-password@127.0.0.1:1/shop',
    memberOf: ['a'],
  });
  const made = shop.provider.issue(
    options,
    { id: '0', backend: 'shop', expiresAt: Date.now(), inbound: undefined, named: () => Promise.resolve() },
    `${shop.prefix}x`,
    AbortSignal.timeout(5_000),
  );
  await expect(made).rejects.toMatchObject({
    code: 'credential_unavailable',
    detail: expect.stringContaining('127.0.0.1:1') as string,
  });
});

test('a name in memberOf cannot become SQL', async () => {
  const memberOf = ['shop_support"; create role injected superuser; --'];
  await expect(leaseFrom(shop.provider, { ...shop.options, memberOf }, 60_000)).rejects.toMatchObject({
    code: 'credential_unavailable',
  });
  expect(await shop.database.query("select 1 from pg_roles where rolname = 'injected'")).toEqual([]);
});
