import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { callTool, openShop, type TestLease, type TestShop, type ToolOptions } from '../../support/postgres-shop.ts';

let shop: TestShop;
let lease: TestLease;

beforeAll(async () => {
  shop = await openShop();
  await shop.database.query(`
    create table notes (id int primary key, body text not null unique check (body <> 'forbidden'));
    grant select, insert, update, delete on notes to shop_support;
    create type mood as enum ('sad', 'happy');
    create function touch() returns int language plpgsql as $$ begin insert into notes values (99, 'touched'); return 1; end $$;
    create function scold() returns int language plpgsql as
      $$ begin raise insufficient_privilege using message = 'ann owes 4242'; end $$;
    create function quarrel() returns int language plpgsql as $$ begin raise exception 'the card 4242 is stolen'; end $$;
  `);
  lease = await shop.lease();
});
afterAll(async () => {
  await lease[Symbol.asyncDispose]();
  await shop[Symbol.asyncDispose]();
});

async function run(sql: string, args: JsonObject = {}, more: ToolOptions = {}): Promise<JsonObject> {
  const { structured } = await callTool(shop.tool(sql, more), lease, args);
  return structured ?? {};
}
const rows = async (sql: string, args: JsonObject = {}): Promise<unknown> => (await run(sql, args))['rows'];
const write = (sql: string, args: JsonObject = {}): Promise<JsonObject> => run(sql, args, { readOnly: false });

/** What runs on the server under a role, but for the asking. */
const running = (role: string): Promise<{ query: string; state: string }[]> =>
  shop.database.query('select query, state from pg_stat_activity where usename = $1 and state <> $2', [role, 'idle']);

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('never');
    await delay(5);
  }
}

describe('a call', () => {
  test('gives rows, and how many', async () => {
    expect(await run('select id, name from customers where email = :email', { email: 'ada@example.com' })).toEqual({
      rows: [{ id: 1, name: 'Ada Marsh' }],
      rowCount: 1,
    });
  });

  test('runs under the login of the lease, as its group, and never under the admin’s', async () => {
    const tool = shop.tool('select session_user, current_user, pg_sleep(0.3)::text as slept');
    const call = callTool(tool, lease);
    await until(async () => (await running(lease.role)).length === 1);
    expect((await call).structured?.['rows']).toEqual([
      { session_user: lease.role, current_user: 'shop_support', slept: '' },
    ]);
    const admins = await shop.database.query('select query from pg_stat_activity where usename = $1', [
      `admin_${shop.database.name}`,
    ]);
    expect(admins.filter(({ query }) => String(query).includes('pg_sleep'))).toEqual([]);
  });

  test('binds arguments, whatever they hold', async () => {
    for (const value of [
      "' or 1=1 --",
      "'; drop table orders; --",
      '$1',
      ':name',
      "\\'; select 1",
      '"',
      'é🎉',
      '{1,2}',
      '\u2028',
    ]) {
      expect(await rows('select :value::text as value', { value })).toEqual([{ value }]);
      expect(await rows('select name from customers where email = :value', { value })).toEqual([]);
    }
    expect(await shop.database.query('select count(*)::int as n from orders')).toEqual([{ n: 36 }]);
  });

  test('binds numbers, booleans, null, lists and objects as the type of the parameter', async () => {
    expect(
      await rows('select :n::numeric + 1 as n, not :b::boolean as b, :x::text is null as x', {
        n: 1.5,
        b: true,
        x: null,
      }),
    ).toEqual([{ n: '2.5', b: false, x: true }]);
    expect(await rows('select id from customers where id = any(:ids) order by id', { ids: [1, 3] })).toEqual([
      { id: 1 },
      { id: 3 },
    ]);
    const words = ['a"b', 'c\\d', 'NULL', '', 'e,f{}', null];
    expect(await rows('select :words::text[] as words', { words })).toEqual([{ words }]);
    const value = { a: [1, { b: 'c"d' }], e: null };
    expect(await rows('select :value::jsonb as value, :list::json as list', { value, list: [1, 'x'] })).toEqual([
      { value, list: [1, 'x'] },
    ]);
    expect(await rows("select 'happy'::mood = any(:moods) as found", { moods: ['happy', 'sad'] })).toEqual([
      { found: true },
    ]);
  });

  test('takes an optional argument that is left out for null', async () => {
    expect(await rows('select :x::int is null as missing', {})).toEqual([{ missing: true }]);
  });

  test('changes data in one transaction, and tells how many rows', async () => {
    expect(await write('insert into notes values (:id, :body)', { id: 1, body: 'one' })).toEqual({
      rows: [],
      rowCount: 1,
    });
    expect(await write('update notes set body = :body where id = 1 returning id, body', { body: 'uno' })).toEqual({
      rows: [{ id: 1, body: 'uno' }],
      rowCount: 1,
    });
  });

  test('calls that run at once do not disturb each other', async () => {
    const tool = shop.tool('select :n::int as n, pg_sleep(0.01)::text as s');
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => callTool(tool, lease, { n })));
    expect(answers.map(({ structured }) => (structured?.['rows'] as { n: number }[])[0]?.n)).toEqual(
      Array.from({ length: 40 }, (_, n) => n),
    );
  });

  test('goes on after the table was altered under its prepared statement', async () => {
    await shop.database.query(
      'create table shifting (a int); insert into shifting values (1); grant select on shifting to shop_support',
    );
    expect(await rows('select * from shifting')).toEqual([{ a: 1 }]);
    await shop.database.query('alter table shifting add column b int default 2');
    expect(await rows('select * from shifting')).toEqual([{ a: 1, b: 2 }]);
  });
});

describe('values', () => {
  test.each([
    ['9007199254740991::int8', 9007199254740991],
    ['9007199254740993::int8', '9007199254740993'],
    ['(-9007199254740993)::int8', '-9007199254740993'],
    ['1.10::numeric', '1.10'],
    ["'NaN'::numeric", 'NaN'],
    ['123456789012345678901234567890.123456789::numeric', '123456789012345678901234567890.123456789'],
    ['0.1::float8', 0.1],
    ["'Infinity'::float8", 'Infinity'],
    ["'NaN'::float4", 'NaN'],
    ['true', true],
    ["date '2024-02-29'", '2024-02-29'],
    ["date '0044-03-15 BC'", '0044-03-15 BC'],
    ["timestamp '2024-02-29 23:59:59.123456'", '2024-02-29T23:59:59.123456'],
    ["timestamptz '2024-02-29 23:59:59+05:30' at time zone 'UTC'", '2024-02-29T18:29:59'],
    ["'infinity'::timestamptz", 'infinity'],
    ["time '12:34:56.5'", '12:34:56.5'],
    ["timetz '12:34:56+02'", '12:34:56+02:00'],
    ["interval '1 year 2 days 03:04:05'", 'P1Y2DT3H4M5S'],
    ["'\\xdeadbeef'::bytea", '\\xdeadbeef'],
    ["'6f1c1f2e-8f5b-4f0e-9b52-3c4c2a9f0b11'::uuid", '6f1c1f2e-8f5b-4f0e-9b52-3c4c2a9f0b11'],
    ['array[[1,2],[3,null]]', [[1, 2], [3, null]]],
    ["array['a\"b', 'NULL', null, '{}']", ['a"b', 'NULL', null, '{}']],
    ['array[9007199254740993, 1]::int8[]', ['9007199254740993', 1]],
    ['array[1.10, 2]::numeric[]', ['1.10', '2']],
    ["array['sad', 'happy']::mood[]", ['sad', 'happy']],
    ["array['{\"a\": 1}']::jsonb[]", [{ a: 1 }]],
    ["'{\"n\": 9007199254740993, \"d\": 1.5, \"p\": 0.1234567890123456789, \"e\": 1e400, \"z\": 1.10, \"k\": 12e2}'::json",
      { n: '9007199254740993', d: 1.5, p: '0.1234567890123456789', e: '1e400', z: 1.1, k: 1200 }],
    ["'{\"__proto__\": {\"x\": 1}, \"a\": [true, null, \"\"]}'::jsonb", JSON.parse('{"__proto__": {"x": 1}, "a": [true, null, ""]}')],
    ["'192.168.0.1/24'::inet", '192.168.0.1/24'],
    ["int4range(1, 5)", '[1,5)'],
    ["row(1, 'a')", '(1,a)'],
    ['null', null],
  ])('%s leaves as it is', async (expression, expected) => {
    expect(await rows(`select ${expression} as value`)).toEqual([{ value: expected }]);
  }); // prettier-ignore

  test('a time with a zone keeps its instant and its offset', async () => {
    const [{ value }] = (await rows("select timestamptz '2024-02-29 23:59:59.5+05:30' as value")) as [
      { value: string },
    ];
    expect(value).toMatch(/^2024-0[23]-\d\dT\d\d:\d\d:59\.5[+-]\d\d:\d\d$/);
    expect(new Date(value).toISOString()).toBe('2024-02-29T18:29:59.500Z');
  });

  test('do not depend on how the database writes dates and strings', async () => {
    await shop.database.query(`alter database ${shop.database.name} set datestyle = 'german'`);
    await shop.database.query(`alter database ${shop.database.name} set standard_conforming_strings = off`);
    await using fresh = await shop.lease();
    const { structured } = await callTool(
      shop.tool("select date '2024-02-29' as d, 'a\\' as s, :x::text as x"),
      fresh,
      { x: 'ok' },
    );
    expect(structured?.['rows']).toEqual([{ d: '2024-02-29', s: 'a\\', x: 'ok' }]);
    await shop.database.query(`alter database ${shop.database.name} reset all`);
  });

  test('two columns of one name are refused before anything runs', async () => {
    const call = write("insert into notes values (7, 'seven') returning id, body as id");
    await expect(call).rejects.toMatchObject({
      code: 'backend_failed',
      detail: expect.stringContaining('AS') as string,
    });
    expect(await rows('select * from notes where id = 7')).toEqual([]);
  });
});

describe('limits', () => {
  test('a billion rows are not read', async () => {
    const started = performance.now();
    const answer = await run('select generate_series(1, 1000000000) as n', {}, { limits: { rows: 3 } });
    expect(answer).toEqual({ rows: [{ n: 1 }, { n: 2 }, { n: 3 }], rowCount: 3, truncated: true });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('exactly as many rows as may leave are not called truncated', async () => {
    expect(await run('select n from generate_series(1, 3) as n', {}, { limits: { rows: 3 } })).not.toHaveProperty(
      'truncated',
    );
  });

  test('bytes count too', async () => {
    const answer = await run(
      "select repeat('x', 1000) as x from generate_series(1, 40)",
      {},
      { limits: { bytes: 10_000 } },
    );
    expect(answer['truncated']).toBe(true);
    expect(JSON.stringify(answer['rows']).length).toBeLessThanOrEqual(10_000);
    expect(answer['rowCount']).toBe((answer['rows'] as unknown[]).length);
  });

  test('a row of a hundred megabytes is not read to its end, and the lease serves the next call', async () => {
    const before = process.memoryUsage().rss;
    const answer = await run("select repeat('x', 100000000) as x", {}, { limits: { bytes: 10_000 } });
    expect(answer).toEqual({ rows: [], rowCount: 0, truncated: true });
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
    expect(await rows('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('a change is made as a whole where its answer is cut, and its count is that of the change', async () => {
    const answer = await run(
      "insert into notes select n, 'n' || n from generate_series(1000, 1099) as n returning id",
      {},
      {
        readOnly: false,
        limits: { rows: 2 },
      },
    );
    expect(answer).toEqual({ rows: [{ id: 1000 }, { id: 1001 }], rowCount: 100, truncated: true });
    expect(await rows('select count(*) as n from notes where id between 1000 and 1099')).toEqual([{ n: 100 }]);
  });
});

describe('read-only tools', () => {
  test.each(['select touch()', "select nextval('orders_id_seq')", 'select lo_create(0)'])(
    'cannot write by %s',
    async (sql) => {
      const before = await shop.database.query('select last_value from orders_id_seq');
      await expect(run(sql)).rejects.toMatchObject({ code: 'backend_failed' });
      expect(await shop.database.query('select last_value from orders_id_seq')).toEqual(before);
      expect(await rows('select * from notes where id = 99')).toEqual([]);
    },
  );

  test('cannot be turned into writing ones from within a function', async () => {
    await shop.database.query(`
      create function escape(how text) returns int language plpgsql as $$
      begin execute how; insert into notes values (98, 'escaped'); return 1; end $$`);
    for (const how of [
      'set transaction read write',
      'set transaction_read_only = off',
      "select set_config('transaction_read_only', 'off', false)",
      'commit',
      'rollback',
    ]) {
      await expect(run('select escape(:how)', { how })).rejects.toMatchObject({
        code: expect.stringMatching(/^backend_/) as string,
      });
    }
    expect(await rows('select * from notes where id = 98')).toEqual([]);
    expect(await rows('select current_setting($$transaction_read_only$$) as ro')).toEqual([{ ro: 'on' }]);
  });
});

describe('refusals of the database', () => {
  const rejected = (words: RegExp) => ({ code: 'backend_rejected', words: expect.stringMatching(words) as string });

  test('are told in constant words, without the data of the row', async () => {
    await write("insert into notes values (50, 'secret-body')");
    await expect(write("insert into notes values (51, 'secret-body')")).rejects.toMatchObject(
      rejected(/exists already/),
    );
    await expect(write("insert into notes values (52, 'forbidden')")).rejects.toMatchObject(
      rejected(/outside of what/),
    );
    await expect(write('insert into notes values (53, null)')).rejects.toMatchObject(rejected(/missing/));
    await expect(run('select :x::int', { x: 'secret-argument' })).rejects.toMatchObject(rejected(/Correct it/));
    await expect(run('select quarrel()')).rejects.toMatchObject(rejected(/refused/));
    for (const call of [
      () => write("insert into notes values (51, 'secret-body')"),
      () => run('select :x::int', { x: 'secret-argument' }),
      () => run('select quarrel()'),
      () => run('select scold()'),
      () => run('select 1/:x::int', { x: 0 }),
    ]) {
      const error = await call().then(
        () => undefined,
        (thrown: unknown) => thrown as { words: string; detail: string },
      );
      expect(`${String(error?.words)} ${String(error?.detail)}`).not.toMatch(/secret|4242/);
    }
  });

  test('a missing grant is told to the operator', async () => {
    await expect(run('select password_hash from customers')).rejects.toMatchObject({
      code: 'backend_failed',
      words: undefined,
      detail: expect.stringMatching(/permission denied.*memberOf/) as string,
    });
  });

  test('leave the connection as it was for the next call', async () => {
    for (let n = 0; n < 20; n += 1) await run('select 1/:x::int as q', { x: 0 }).catch(() => undefined);
    expect(await rows('select 4/:x::int as q', { x: 2 })).toEqual([{ q: 2 }]);
    const [{ n }] = (await shop.database.query('select count(*)::int as n from pg_stat_activity where usename = $1', [
      lease.role,
    ])) as [{ n: number }];
    expect(n).toBeLessThanOrEqual(6);
  });
});

describe('stopping', () => {
  test('a cancelled call stops on the server, and the lease serves the next one', async () => {
    const controller = new AbortController();
    const call = callTool(
      shop.tool('select pg_sleep(60)::text as s'),
      lease,
      {},
      { signal: controller.signal, timeoutMs: 60_000 },
    );
    await until(async () => (await running(lease.role)).length === 1);
    const started = performance.now();
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - started).toBeLessThan(10_000);
    await until(async () => (await running(lease.role)).length === 0);
    expect(await rows('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('a cancelled change did not happen', async () => {
    const controller = new AbortController();
    const slow = shop.tool("insert into notes select 60, 'sixty' from pg_sleep(60)", { readOnly: false });
    const call = callTool(slow, lease, {}, { signal: controller.signal, timeoutMs: 60_000 });
    await until(async () => (await running(lease.role)).length === 1);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(await rows('select * from notes where id = 60')).toEqual([]);
  });

  test('the deadline stops a call, on the server too', async () => {
    const started = performance.now();
    const call = callTool(shop.tool('select pg_sleep(60)::text as s'), lease, {}, { timeoutMs: 300 });
    await expect(call).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(performance.now() - started).toBeLessThan(2_000);
    await until(async () => (await running(lease.role)).length === 0);
  });

  test('a lock that somebody else holds is told as that', async () => {
    await write("insert into notes values (70, 'seventy')");
    await using other = await shop.lease();
    const holder = callTool(
      shop.tool("update notes set body = 'held' where id = 70 returning pg_sleep(4)::text", { readOnly: false }),
      other,
    );
    await until(async () => (await running(other.role)).length === 1);
    const call = callTool(
      shop.tool("update notes set body = 'mine' where id = 70", { readOnly: false }),
      lease,
      {},
      { timeoutMs: 3_000 },
    );
    await expect(call).rejects.toMatchObject({
      code: 'backend_failed',
      words: expect.stringContaining('Another change') as string,
    });
    await holder;
  });

  test('an end of the lease stops its calls', async () => {
    const short = await shop.lease();
    const call = callTool(shop.tool('select pg_sleep(60)::text as s'), short, {}, { timeoutMs: 60_000 });
    await until(async () => (await running(short.role)).length === 1);
    const stopped = expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await short[Symbol.asyncDispose]();
    await stopped;
    expect(await shop.database.query('select 1 from pg_stat_activity where usename = $1', [short.role])).toEqual([]);
    expect(await shop.database.query('select 1 from pg_roles where rolname = $1', [short.role])).toEqual([]);
  });

  test('a call that was cancelled before it began does not begin', async () => {
    await expect(
      callTool(shop.tool('select 1 as one'), lease, {}, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('a connection that is cut', () => {
  const cut = async (role: string): Promise<void> => {
    await until(async () => (await running(role)).length === 1);
    await shop.database.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [role]);
  };

  test('in the middle of a read means that the backend cannot be reached', async () => {
    const call = callTool(shop.tool('select pg_sleep(60)::text as s'), lease);
    const told = expect(call).rejects.toMatchObject({ code: 'backend_unavailable' });
    await cut(lease.role);
    await told;
    await delay(50); // The idle connections of the lease were cut too.
    expect(await rows('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('in the middle of a change leaves its outcome unknown', async () => {
    const call = callTool(
      shop.tool("insert into notes select 80, 'eighty' from pg_sleep(60)", { readOnly: false }),
      lease,
    );
    const told = expect(call).rejects.toMatchObject({ code: 'outcome_unknown' });
    await cut(lease.role);
    await told;
    await delay(50);
  });

  test('while idle is not noticed by the next call', async () => {
    await rows('select 1 as one');
    await shop.database.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      lease.role,
    ]);
    await until(
      async () =>
        (await shop.database.query('select 1 from pg_stat_activity where usename = $1', [lease.role])).length === 0,
    );
    await delay(50);
    expect(await rows('select 1 as one')).toEqual([{ one: 1 }]);
  });
});
