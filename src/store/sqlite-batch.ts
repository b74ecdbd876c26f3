// Group commit: many changes, one commit to disk, each with its own fate. Synchronous.
import { leafHash } from '../core/leaf-hash.ts';
import type { KeyRing } from '../core/keys.ts';
import { seal } from '../core/sealing.ts';
import type { Statement } from '../core/store.ts';
import { Conflict } from '../core/store.ts';
import { entryText } from './entry-form.ts';
import type { PreparedEntry } from './entry-form.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { describeError, isDuplicate, isStatementError } from './sqlite-errors.ts';
import type { Lost, SubmittedChange } from './sqlite-protocol.ts';

const INSERT_ENTRY = 'insert into entries (seq, body, leaf) values (?, ?, ?)';
const INSERT_PAYLOAD = 'insert into payloads (seq, sealed) values (?, ?)';
const HEAD: Statement = { sql: 'select coalesce(max(seq), 0) as head from entries', parameters: [] };

export interface Fates {
  /** Of each change that is on disk, its id and the number of its first entry, one after the other. */
  readonly kept: readonly number[];
  readonly lost: readonly Lost[];
}

/**
 * Commits the changes together. When it returns, every change that is not `lost` is on disk. Throws when the file did not
 * take them (busy, full, broken): then none of them was kept, and the connection is outside a transaction.
 */
export function commitBatch(
  connection: SqliteConnection,
  payloadKeys: KeyRing,
  changes: readonly SubmittedChange[],
): Fates {
  connection.exec('begin immediate');
  try {
    // Read inside the transaction: another process may have appended since.
    let head = headOf(connection);
    const kept: number[] = [];
    const lost: Lost[] = [];
    for (const change of changes) {
      const refused = tryChange(connection, payloadKeys, change, head);
      if (refused === undefined) {
        kept.push(change.id, head + 1);
        head += change.entries.length;
      } else lost.push(refused);
    }
    connection.exec('commit');
    return { kept, lost };
  } catch (error) {
    // A full disk has already rolled back.
    if (connection.inTransaction) connection.exec('rollback');
    throw error;
  }
}

function tryChange(
  connection: SqliteConnection,
  keys: KeyRing,
  change: SubmittedChange,
  head: number,
): Lost | undefined {
  // Entries alone cannot fail but with the file, and then nothing of the batch is kept.
  if (change.statements.length === 0) {
    insertEntries(connection, keys, change, head);
    return undefined;
  }
  connection.exec('savepoint change');
  try {
    for (const statement of change.statements) runExpecting(connection, statement);
    insertEntries(connection, keys, change, head);
    connection.exec('release change');
    return undefined;
  } catch (error) {
    const conflict = error instanceof Conflict || isDuplicate(error);
    if (!conflict && !isStatementError(error)) throw error;
    connection.exec('rollback to change');
    connection.exec('release change');
    return { id: change.id, why: conflict ? 'conflict' : 'statement', detail: describeError(error) };
  }
}

function runExpecting(connection: SqliteConnection, statement: Statement): void {
  const changed = connection.run(statement.sql, statement.parameters);
  if (statement.expectRows !== undefined && changed !== statement.expectRows) {
    throw new Conflict(`${changed} rows changed where ${statement.expectRows} had to: ${statement.sql}`);
  }
}

function insertEntries(connection: SqliteConnection, keys: KeyRing, change: SubmittedChange, head: number): void {
  let seq = head;
  for (const entry of change.entries) insertEntry(connection, keys, entry, ++seq);
}

function insertEntry(connection: SqliteConnection, keys: KeyRing, entry: PreparedEntry, seq: number): void {
  const text = entryText(entry, seq);
  connection.run(INSERT_ENTRY, [seq, text, leafHash(text)]);
  if (entry.payload !== undefined) {
    connection.run(INSERT_PAYLOAD, [seq, seal(keys, entry.payload.salt, entry.payload.plaintext)]);
  }
}

function headOf(connection: SqliteConnection): number {
  const [row] = connection.all(HEAD) as { head: number }[];
  return row?.head ?? 0;
}
