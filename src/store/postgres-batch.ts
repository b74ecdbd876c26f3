// Group commit on Postgres: many changes, one transaction, each with its own fate; the log's head is locked only at the end.
import type pg from 'pg';
import type { KeyRing } from '../core/keys.ts';
import { seal } from '../core/sealing.ts';
import { Conflict } from '../core/store.ts';
import type { Statement } from '../core/store.ts';
import type { PreparedEntry } from './entry-form.ts';

export interface PreparedChange {
  readonly statements: readonly Statement[];
  readonly entries: readonly PreparedEntry[];
}

/** Sequence numbers, or the error that only this change met. */
export type ChangeFate = readonly number[] | Error;

const UNIQUE_VIOLATION = '23505';
const DEADLOCK_DETECTED = '40P01';
/** Classes of errors that are the statement's own: data, constraints, syntax and rights. */
const STATEMENT_CLASSES = ['22', '23', '42'];

/**
 * All that are kept are durable when it resolves. Rejects when the database took none of them, or was lost on the way.
 *
 * Brokers change the same rows in orders of their own, so that one of two batches may be given up to end a deadlock. The
 * server has undone all of it then, and it is simply made again; the caller's deadline, which cuts the connection, ends that.
 */
export async function commitBatch(
  client: pg.ClientBase,
  keys: KeyRing,
  changes: readonly PreparedChange[],
): Promise<readonly ChangeFate[]> {
  for (;;) {
    try {
      return await tryBatch(client, keys, changes);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === DEADLOCK_DETECTED)) throw error;
    }
  }
}

async function tryBatch(
  client: pg.ClientBase,
  keys: KeyRing,
  changes: readonly PreparedChange[],
): Promise<readonly ChangeFate[]> {
  if (changes.every(({ statements }) => statements.length === 0)) {
    const head = await append(client, keys, changes);
    return number(
      changes,
      changes.map(() => undefined),
      head,
    );
  }
  await client.query('begin');
  try {
    const errors: (Error | undefined)[] = [];
    for (const { statements } of changes) errors.push(await tryStatements(client, statements));
    const head = await append(
      client,
      keys,
      changes.filter((_, index) => errors[index] === undefined),
    );
    await client.query('commit');
    return number(changes, errors, head);
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** `?` as SQLite has it becomes `$1`, `$2`, …; what stands in quotes is left alone. */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\?/g, (part) => (part === '?' ? `$${++count}` : part));
}

async function tryStatements(client: pg.ClientBase, statements: readonly Statement[]): Promise<Error | undefined> {
  if (statements.length === 0) return undefined;
  await client.query('savepoint change');
  try {
    for (const { sql, parameters, expectRows } of statements) {
      const { rowCount } = await client.query(numbered(sql), [...parameters]);
      if (expectRows !== undefined && rowCount !== expectRows) {
        throw new Conflict(`${String(rowCount)} rows changed where ${expectRows} had to: ${sql}`);
      }
    }
    await client.query('release change');
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    if (!(error instanceof Conflict) && !STATEMENT_CLASSES.includes(code.slice(0, 2))) throw error;
    await client.query('rollback to change; release change');
    return code === UNIQUE_VIOLATION ? new Conflict(error.message) : error;
  }
}

/** The number before the first of the entries. */
async function append(client: pg.ClientBase, keys: KeyRing, changes: readonly PreparedChange[]): Promise<number> {
  const entries = changes.flatMap((change) => change.entries);
  if (entries.length === 0) return 0;
  const { rows } = await client.query<{ head: number }>({
    name: 'append',
    text: 'select append($1, $2, $3) as head',
    values: [
      entries.map(({ before }) => before).join('\n'),
      entries.map(({ after }) => after).join('\n'),
      entries.map(({ payload }) => (payload === undefined ? null : seal(keys, payload.salt, payload.plaintext))),
    ],
  });
  return rows[0]?.head ?? 0;
}

function number(
  changes: readonly PreparedChange[],
  errors: readonly (Error | undefined)[],
  head: number,
): readonly ChangeFate[] {
  let last = head;
  return changes.map(({ entries }, index) => errors[index] ?? entries.map(() => ++last));
}
