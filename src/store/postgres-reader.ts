// A Postgres store opened for reading alone. Any login that may read the tables will do.
import pg from 'pg';
import { StoreError } from '../core/errors.ts';
import type { Statement } from '../core/store.ts';
import { SCHEMA_VERSION, newerSchemaMessage } from './migrations.ts';
import { numbered } from './postgres-batch.ts';
import { SCHEMA, schemaVersion } from './postgres-schema.ts';
import { describePostgresError, postgresTypes } from './postgres-wire.ts';
import type { StoreReader } from './store-reader.ts';

const CONNECT_MS = 5_000;

/** Throws StoreError where the database cannot be reached, or holds no store that this program can read. */
export async function openPostgresReader(url: string): Promise<StoreReader> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'sallyport log',
    connectionTimeoutMillis: CONNECT_MS,
    options: `-c search_path=${SCHEMA} -c default_transaction_read_only=on`,
    types: postgresTypes(),
  });
  // A lost connection fails the query that meets it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await schemaVersion(client);
    if (found > SCHEMA_VERSION) throw new Error(newerSchemaMessage('the database', found));
  } catch (error) {
    await client.end().catch(() => undefined);
    const isMissing = error instanceof pg.DatabaseError && error.code === '42P01';
    throw new StoreError(
      isMissing ? 'the database holds no Sallyport store' : `the store cannot be read: ${describePostgresError(error)}`,
      error,
    );
  }
  return {
    async query<Row>({ sql, parameters }: Statement) {
      try {
        return (await client.query(numbered(sql), [...parameters])).rows as Row[];
      } catch (error) {
        throw new StoreError(describePostgresError(error), error);
      }
    },
    async hold() {
      await client.query('begin isolation level repeatable read, read only');
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
