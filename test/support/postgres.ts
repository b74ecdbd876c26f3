// Databases for tests, on the one Postgres that postgres-global-setup.ts started for the run.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** URL of the superuser, in this database. */
  readonly adminUrl: string;
  /** Runs SQL as the superuser. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** Makes an empty database; dispose of it when the test file ends. Roles belong to the server: name them after `name`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = new URL(inject('postgresUrl'));
  const name = `test_${randomBytes(6).toString('hex')}`;
  await once(server.href, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 2 });
  pool.on('error', () => undefined); // Dropping the database cuts what is idle in it.
  return {
    name,
    adminUrl: url.href,
    query: async (sql, values = []) => (await pool.query(sql, [...values])).rows,
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await once(server.href, `drop database ${name} with (force)`);
    },
  };
}

async function once(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
