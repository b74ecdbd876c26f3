import fc from 'fast-check';
import { parseSync, scanSync } from 'libpg-query';
import { describe, expect, test } from 'vitest';
import { readNamedSql } from '../../../tools/postgres/named-sql.ts';

const read = (sql: string, readOnly = true) => readNamedSql(sql, readOnly ? 'look' : 'change');
const text = (sql: string): string | undefined => read(sql).sql?.text;

describe('named parameters', () => {
  test('become numbers, one for each name, in the order of their first use', () => {
    const { sql } = read('select * from t where a = :b and c = :a or d = :b');
    expect(sql?.text).toBe('select * from t where a =  $1 and c =  $2 or d =  $1');
    expect(sql?.parameters).toEqual(['b', 'a']);
  });

  test.each([
    ['casts', 'select a::text from t'],
    ['strings', "select ':x', 'it''s :x'"],
    ['escape strings', "select E'\\' :x'"],
    ['escape strings that go on in the next line', "select E'a'\n '\\' :x'"],
    ['quoted names', 'select ":x", "a"":x" from t'],
    ['line comments', 'select 1 -- :x'],
    ['nested block comments', 'select /* :x /* :x */ :x */ 1'],
    ['dollar quotes', 'select $$ :x $$, $q$ :x $$ :x $q$'],
    ['assignments to named arguments', 'select f(a := 1)'],
    ['slices with spaces', 'select (array[1,2])[1 : 2]'],
  ])('leaves %s alone', (_what, sql) => {
    expect(text(sql)).toBe(sql);
  });

  test('stay words of their own beside an identifier', () => {
    expect(text('select (a)[x:n] from t')).toBe('select (a)[x $1] from t');
  });

  test('are not written by number', () => {
    expect(read('select $1').problems).toEqual([
      { offset: 7, message: 'write parameters by name, such as :email, not by number' },
    ]);
  });

  test('are exactly the parameters that Postgres sees, whatever stands around them', () => {
    const pieces = fc.constantFrom(
      ':a', ':b', '::int', "':a'", "E'\\':a'", '"q:a"', '$$:a$$', '$t$ :a $t$', '/* :a */', '-- :a\n', ' ', '\n', 'x', '1', ',', '+', '(', ')', 'é', '🎉',
    ); // prettier-ignore
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const { sql } = read(`select ${parts.join('')}`);
        if (sql === undefined) return;
        const numbers = scanSync(sql.text)
          .tokens.filter((token) => token.tokenName === 'PARAM')
          .map((token) => token.text);
        const expected = parts.filter((part) => /^:[ab]$/.test(part)).length;
        // A part may merge with the one before it (`1:a`), but never adds a parameter, and each number has its name.
        expect(numbers.length).toBeLessThanOrEqual(expected);
        expect(new Set(numbers).size).toBe(sql.parameters.length);
        expect(parseSync(sql.text).stmts).toHaveLength(1);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what is no tool’s statement', () => {
  test.each([
    ['two statements', 'select 1; delete from t', 'expected one statement, found a second one'],
    ['nothing', '  ', 'there is no statement here'],
    ['a comment', '-- nothing', 'there is no statement here'],
    ['a NUL', 'select 1\0; drop table t', 'a NUL character cannot be part of SQL'],
    ['an open string', "select 'abc", 'a string, a comment or a quoted name has no end'],
    ['a lone surrogate', 'select \ud800', 'the SQL is not well-formed Unicode'],
    ['too much', `select 1 ${' '.repeat(70_000)}`, 'the SQL is longer than 65536 characters'],
  ])('%s', (_what, sql, message) => {
    const { problems } = read(sql);
    expect(problems.map((problem) => problem.message)).toEqual([message]);
  });

  test.each([
    'commit', 'rollback', 'set transaction read write', "set role 'postgres'", 'reset all', 'begin', 'savepoint a', 'prepare p as select 1',
    'execute p', 'discard all', 'lock table t', 'copy t to stdout', "do $$ begin end $$", 'create table t ()', 'drop table t', 'listen x', 'notify x',
    'truncate t', 'grant a to b', 'vacuum', 'explain select 1', 'declare c cursor for select 1', 'refresh materialized view v', 'load $$x$$',
  ])('%s', (sql) => {
    const { problems } = read(sql, false);
    expect(problems).toHaveLength(1);
  }); // prettier-ignore

  test.each([
    "select set_config('a', 'b', false)",
    "select pg_catalog.set_config('role', 'postgres', false)",
    'select pg_terminate_backend(1)',
  ])('%s', (sql) => {
    expect(read(sql).problems[0]?.message).toMatch(/a tool may not call/);
  });

  test.each([
    'update t set a = 1',
    'with x as (delete from t returning *) select * from x',
    'select * from t for update',
    'select 1 into t',
    'call f()',
  ])('%s, of a tool that is declared readOnly', (sql) => {
    expect(read(sql, true).problems).not.toEqual([]);
  });

  test.each([
    'update t set a = :a returning b',
    'insert into t values (:a)',
    'delete from t',
    'call f(:a)',
    'values (:a)',
    'table t',
    'select * from t for update',
  ])('but %s is one, where readOnly is not declared', (sql) => {
    expect(read(sql, false).problems).toEqual([]);
  });
});

describe('positions', () => {
  test('of syntax errors are those in the SQL as written, behind parameters and characters of any width', () => {
    const sql = "select '🎉é', :first, :second frm x where y = = 2";
    expect(read(sql).problems).toEqual([{ offset: sql.indexOf('x where'), message: 'syntax error at or near "x"' }]);
  });

  test('of a second statement are those in the SQL as written', () => {
    const sql = 'select :a; delete from t';
    expect(read(sql).problems[0]?.offset).toBe(sql.indexOf('delete'));
  });

  test('of forbidden calls are those in the SQL as written', () => {
    const sql = "select 'é', :a, set_config('a', 'b', true)";
    expect(read(sql).problems[0]?.offset).toBe(sql.indexOf('set_config'));
  });

  test('of uses are those of each name’s first use', () => {
    const sql = "select 'é', :a, :b, :a";
    expect([...read(sql).uses]).toEqual([
      ['a', sql.indexOf(':a')],
      ['b', sql.indexOf(':b')],
    ]);
  });
});
