// A SQLite store opened for reading alone.
import { existsSync } from 'node:fs';
import { StoreError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { describeError } from './sqlite-errors.ts';
import type { StoreReader } from './store-reader.ts';

/** Throws StoreError where there is no store, or it cannot be read. */
export function openSqliteReader(file: string): StoreReader & Disposable {
  if (!existsSync(file)) throw new StoreError(`there is no store at ${file}`);
  let connection: SqliteConnection;
  try {
    connection = SqliteConnection.openToRead(file);
  } catch (error) {
    throw new StoreError(`${file} cannot be read: ${describeError(error)}`, error);
  }
  return {
    async query<Row>(statement: Parameters<Store['query']>[0]) {
      try {
        return connection.all(statement) as Row[];
      } catch (error) {
        throw new StoreError(describeError(error), error);
      }
    },
    async hold() {
      connection.exec('begin');
      connection.all({ sql: 'select 1 from migrations', parameters: [] });
    },
    [Symbol.dispose]: () => connection.close(),
    [Symbol.asyncDispose]: async () => connection.close(),
  };
}
