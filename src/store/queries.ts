// Kysely as a compiler: it builds the text of ordinary statements and never runs one. Pure.
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Compilable } from 'kysely';
import type { Statement } from '../core/store.ts';
import type { Tables } from './schema.ts';

/** Placeholders are `?`; the Postgres store numbers them. */
export const queries = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** A compiled statement for `Store.commit` or `Store.query`. With `expectRows`, any other number of changed rows is a Conflict. */
export function statement(query: Compilable, expectRows?: number): Statement {
  const { sql, parameters } = query.compile();
  return expectRows === undefined ? { sql, parameters } : { sql, parameters, expectRows };
}
