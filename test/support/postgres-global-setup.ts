// One Postgres for a whole vitest run; test/support/postgres.ts gives each test file a database of its own on it.
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../src/demo/embedded-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the superuser of the run's Postgres. */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ settings: { fsync: 'off', max_connections: '200' } });
  project.provide('postgresUrl', server.adminUrl());
  return async () => {
    await server[Symbol.asyncDispose]();
  };
}
