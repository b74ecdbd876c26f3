import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProblemPlace, Report } from '../../../src/core/problem.ts';
import { postgresKind } from '../../../tools/postgres/postgres-kind.ts';
import { declare, openShop, type TestShop, type ToolOptions } from '../../support/postgres-shop.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

function collect(): { report: Report; found: string[] } {
  const found: string[] = [];
  const note =
    (severity: string) =>
    ({ path, offset, atKey }: ProblemPlace, message: string, hint?: string): void => {
      const place = `${path.join('.')}${offset === undefined ? '' : `+${String(offset)}`}${atKey === true ? ' (key)' : ''}`;
      found.push(`${severity} ${place}: ${message}${hint === undefined ? '' : `; ${hint}`}`);
    };
  return { report: { error: note('error'), warning: note('warning') }, found };
}

const url = 'postgres://127.0.0.1/shop';
function compile(sql: string, more: ToolOptions = {}): string[] {
  const { report, found } = collect();
  postgresKind.compile(declare(sql, { url, ...more }), report);
  return found;
}

describe('a declaration', () => {
  test('becomes a tool with a closed schema', () => {
    const { report } = collect();
    const declared = declare('select :a::int + :b::int as sum', {
      url,
      input: { a: { type: 'integer' }, b: { type: 'integer' } },
    });
    const [tool] = postgresKind.compile({ ...declared, input: { ...declared.input, optional: ['b'] } }, report);
    expect(tool?.inputSchema).toEqual({
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      required: ['a'],
      additionalProperties: false,
    });
  });

  test('is told of every parameter without input and every input without use, each at its place', () => {
    const sql = 'select :missing, :used, :gone';
    expect(compile(sql, { input: { used: {}, idle: {} } })).toEqual([
      'error sql+7: :missing is no input of the tool; declare missing under input',
      'error sql+24: :gone is no input of the tool; declare gone under input',
      'error input.idle (key): the SQL does not use :idle; use it, or remove the input',
    ]);
  });

  test('previews with a SELECT over its own inputs, and with nothing else', () => {
    const declared = declare('update orders set refunded = true where id = :id', { url, readOnly: false });
    const previewed = (sql: string): string[] => {
      const { report, found } = collect();
      postgresKind.compile({ ...declared, declaration: { ...declared.declaration, preview: { sql } } }, report);
      return found;
    };
    expect(previewed('select 1 where :id = 1')).toEqual([]);
    expect(previewed('select :other')).toEqual([
      'error preview.sql+7: :other is no input of the tool; declare other under input',
    ]);
    expect(previewed('delete from orders where id = :id')).toEqual([
      expect.stringMatching(/^error preview\.sql\+\d+: a preview only looks, and this changes data; write a SELECT/),
    ]);
    expect(previewed('with gone as (delete from orders returning id) select id from gone')).toHaveLength(1);
    expect(previewed('select id from orders where id = :id for update')).toHaveLength(1);
    expect(previewed("select set_config('role', 'postgres', true)")).toHaveLength(1);
    expect(previewed('select 1; commit')).toHaveLength(1);
  });

  test.each([
    ['postgres://user@127.0.0.1/shop', /carries a login/],
    ['postgres://:password@127.0.0.1/shop', /carries a login/],
    ['postgres://127.0.0.1/shop?user=postgres', /carries a login/],
    ['postgres://127.0.0.1/shop?password=x', /carries a login/],
    ['postgres://127.0.0.1', /expected postgres/],
    ['mysql://127.0.0.1/shop', /expected postgres/],
    ['postgres:///shop', /expected postgres/],
  ])('%s is no backend', (bad, message) => {
    expect(postgresKind.backend.safeParse({ url: bad }).error?.issues[0]?.message).toMatch(message);
  });

  test.each([
    'postgres://db.example/shop?sslmode=verify-full',
    'postgresql://[::1]:5433/shop',
    'postgres:///shop?host=/run/postgresql',
  ])('%s is one', (good) => {
    expect(postgresKind.backend.safeParse({ url: good }).success).toBe(true);
  });
});

describe('check --connect', () => {
  async function examine(
    sql: string,
    masks: string[] = [],
    more: ToolOptions = {},
    backendUrl = shop.shop.databaseUrl,
  ): Promise<string[]> {
    const { report, found } = collect();
    const declared = declare(sql, { url: backendUrl, ...more });
    await postgresKind.examine(
      {
        backend: declared.backend,
        credential: { kind: 'postgres-role', scope: 'session', ttlMs: 1, options: shop.options },
        report,
        tools: [{ declared, masks: masks.map((path, index) => ({ path, place: ['mask', index, 'path'] })), report }],
      },
      AbortSignal.timeout(10_000),
    );
    return found;
  }

  test('finds nothing wrong with what fits', async () => {
    expect(
      await examine('select id, email from customers where email = :email', [
        '$.rows[*].email',
        "$['rows'][0]['id']",
        '$..password_hash',
      ]),
    ).toEqual([]);
    expect(
      await examine('update orders set refunded = true where id = :id returning id', [], { readOnly: false }),
    ).toEqual([]);
  });

  test('holds masks against the columns', async () => {
    expect(
      await examine('select id, email, note from customers join orders using (id)', [
        '$.rows[*].emial',
        '$.row[*].x',
        '$.rows[*].note.any.thing',
      ]),
    ).toEqual([
      'error mask.0.path: the statement gives no column emial, so this mask would hide nothing; did you mean "email"?',
      'error mask.1.path: a result has rows, rowCount and truncated, and no row; columns are at $.rows[*].NAME',
    ]);
  });

  test('places what the database says in the SQL as written', async () => {
    const sql = "select 'é🎉' as x, :a::int as a, nme from customers";
    expect(await examine(sql)).toEqual([
      expect.stringMatching(new RegExp(`^error sql\\+${String(sql.indexOf('nme'))}: .*column "nme" does not exist`)),
    ]);
  });

  test('tells of grants that the roles lack, though the admin login could make them', async () => {
    expect(await examine('select password_hash from customers')).toEqual([
      expect.stringContaining('permission denied for table customers'),
    ]);
    expect(await examine('delete from orders where id = :id', [], { readOnly: false })).toEqual([
      expect.stringContaining('permission denied'),
    ]);
  });

  test('tells of columns with one name, and of functions that may do anything', async () => {
    expect(await examine('select id, name as id from customers')).toEqual([
      'error sql: two columns of the result are called id; name them apart with AS',
    ]);
    expect(await examine('select pg_advisory_lock(1), random(), lower(:x)')).toEqual([
      expect.stringContaining('pg_advisory_lock, which is volatile'),
    ]);
  });

  test('runs nothing and leaves nothing', async () => {
    const before = await shop.database.query('select refunded, id from orders order by id');
    await examine('update orders set refunded = true, refund_amount = 1 returning id', [], { readOnly: false });
    expect(await shop.database.query('select refunded, id from orders order by id')).toEqual(before);
    // Other tests make roles on the same server meanwhile: these are the examination's own.
    expect(
      await shop.database.query(String.raw`select 1 from pg_roles where rolname like 'sallyport\_check\_%'`),
    ).toEqual([]);
  });

  test('tells that a server cannot be reached', async () => {
    expect(await examine('select 1 as one', [], {}, 'postgres://127.0.0.1:1/shop')).toEqual([
      expect.stringMatching(/^error url: shop at 127.0.0.1:1: nothing listens/),
    ]);
  });
});
