// A SQLite store opened for reading alone: for commands, which need no running broker and must change nothing.
import { existsSync } from 'node:fs';
import { StoreError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { describeError } from './sqlite-errors.ts';

export type StoreReader = Pick<Store, 'query'> & Disposable;

/** Throws StoreError where there is no store, or it cannot be read. */
export function openSqliteReader(file: string): StoreReader {
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
    [Symbol.dispose]: () => connection.close(),
  };
}
