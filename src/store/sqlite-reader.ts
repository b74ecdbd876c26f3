// A SQLite store opened for reading alone: for commands, which need no running broker and must change nothing.
import { existsSync } from 'node:fs';
import { StoreError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { describeError } from './sqlite-errors.ts';

export interface StoreReader extends Pick<Store, 'query'>, Disposable {
  /** From here on everything is read as it is at this moment, whatever is written meanwhile. */
  hold(): void;
}

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
    hold() {
      connection.exec('begin');
      connection.all({ sql: 'select 1 from migrations', parameters: [] });
    },
    [Symbol.dispose]: () => connection.close(),
  };
}
