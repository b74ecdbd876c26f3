// How values and errors come from Postgres, for whatever connects to it.
import pg from 'pg';

export function postgresTypes(): pg.TypeOverrides {
  const types = new pg.TypeOverrides();
  // None of our numbers comes near 2^53.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  return types;
}

export function describePostgresError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describePostgresError).join('; ');
  return error instanceof Error ? error.message : String(error);
}
