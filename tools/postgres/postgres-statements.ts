// What is prepared on each connection: the statements of the transaction, and those of the tools it has served.
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { prepare, type Column, type Description } from './postgres-flight.ts';
import { BackendError } from '../../src/core/errors.ts';
import { decoderOf, FIRST_OWN_TYPE, type Decoder } from './postgres-values.ts';

export const BEGIN = 'sallyport_begin';
export const COMMIT = 'sallyport_commit';
/** Takes statement_timeout and lock_timeout, in milliseconds. */
export const LIMITS = 'sallyport_limits';
/** Likewise, and makes the transaction READ ONLY. */
export const LIMITS_READ_ONLY = 'sallyport_limits_read_only';

// Each is a query, and always the first one of a transaction: from then on Postgres refuses to turn a READ ONLY
// transaction into one that writes.
const LIMIT = "set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)";
const OWN = [
  { name: BEGIN, text: 'begin' },
  { name: COMMIT, text: 'commit' },
  { name: LIMITS, text: `select ${LIMIT}` },
  { name: LIMITS_READ_ONLY, text: `select set_config('transaction_read_only', 'on', true), ${LIMIT}` },
];

export interface Prepared {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly columns: readonly (Column & { readonly decode: Decoder })[];
  /** What the names add to each row as JSON, in bytes. */
  readonly rowOverheadBytes: number;
}

const prepared = new WeakMap<pg.ClientBase, Map<string, Promise<Prepared>>>();

/** Prepares a statement on this connection, once. Rejects with what the server says, or BackendError. */
export function prepareOn(client: pg.ClientBase, text: string): Promise<Prepared> {
  let known = prepared.get(client);
  const fresh = known === undefined;
  if (known === undefined) prepared.set(client, (known = new Map<string, Promise<Prepared>>()));
  let statement = known.get(text);
  if (statement === undefined) {
    const name = `sallyport_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
    statement = prepare(client, [...(fresh ? OWN : []), { name, text }]).then((description) =>
      complete(client, name, description),
    );
    known.set(text, statement);
  }
  return statement;
}

/** After an error nobody knows which of the names are taken, and after a migration their plans are stale. */
export async function forgetPrepared(client: pg.ClientBase): Promise<void> {
  prepared.delete(client);
  await client.query('deallocate all');
}

async function complete(client: pg.ClientBase, name: string, { parameters, columns }: Description): Promise<Prepared> {
  const twice = columns.find((column, index) => columns.findIndex((other) => other.name === column.name) < index);
  if (twice !== undefined) {
    throw new BackendError(
      'backend_failed',
      `two columns of the result are called ${twice.name}: name them apart with AS`,
    );
  }
  const own = columns.map((column) => column.type).filter((type) => type >= FIRST_OWN_TYPE);
  const elements = own.length === 0 ? new Map<number, number>() : await elementTypes(client, own);
  return {
    name,
    parameters,
    columns: columns.map((column) => ({ ...column, decode: decoderOf(column.type, elements) })),
    rowOverheadBytes: columns.reduce((bytes, column) => bytes + Buffer.byteLength(column.name) + 4, 2),
  };
}

/** Of array types made in the database (of an enum, a domain): what they hold. */
async function elementTypes(client: pg.ClientBase, types: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const { rows } = await client.query<{ type: string; element: string }>(
    `select array_type.oid::text as type, coalesce(nullif(held.typbasetype, 0), held.oid)::text as element
     from pg_type array_type join pg_type held on held.oid = array_type.typelem
     where array_type.oid = any($1::oid[]) and array_type.typcategory = 'A'`,
    [types],
  );
  return new Map(rows.map(({ type, element }) => [Number(type), Number(element)]));
}
