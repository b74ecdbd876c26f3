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
import type { Fate, SubmittedChange } from './sqlite-protocol.ts';

const INSERT_ENTRY = 'insert into entries (seq, body, leaf) values (?, ?, ?)';
const INSERT_PAYLOAD = 'insert into payloads (seq, sealed) values (?, ?)';
const HEAD: Statement = { sql: 'select coalesce(max(seq), 0) as head from entries', parameters: [] };

/**
 * Commits the changes together. When it returns, every change with `kept` is on disk. Throws when the file did not
 * take them (busy, full, broken): then none of them was kept, and the connection is outside a transaction.
 */
export function commitBatch(
  connection: SqliteConnection,
  payloadKeys: KeyRing,
  changes: readonly SubmittedChange[],
): readonly Fate[] {
  connection.exec('begin immediate');
  try {
    // Read inside the transaction: another process may have appended since.
    let head = headOf(connection);
    const fates = changes.map((change): Fate => {
      const fate = tryChange(connection, payloadKeys, change, head);
      if (fate.kept) head += change.entries.length;
      return fate;
    });
    connection.exec('commit');
    return fates;
  } catch (error) {
    // A full disk has already rolled back.
    if (connection.inTransaction) connection.exec('rollback');
    throw error;
  }
}

function tryChange(connection: SqliteConnection, keys: KeyRing, change: SubmittedChange, head: number): Fate {
  // Entries alone cannot fail but with the file, and then nothing of the batch is kept.
  if (change.statements.length === 0)
    return { id: change.id, kept: true, seqs: insertEntries(connection, keys, change, head) };
  connection.exec('savepoint change');
  try {
    for (const statement of change.statements) runExpecting(connection, statement);
    const seqs = insertEntries(connection, keys, change, head);
    connection.exec('release change');
    return { id: change.id, kept: true, seqs };
  } catch (error) {
    const conflict = error instanceof Conflict || isDuplicate(error);
    if (!conflict && !isStatementError(error)) throw error;
    connection.exec('rollback to change');
    connection.exec('release change');
    return { id: change.id, kept: false, why: conflict ? 'conflict' : 'statement', detail: describeError(error) };
  }
}

function runExpecting(connection: SqliteConnection, statement: Statement): void {
  const changed = connection.run(statement);
  if (statement.expectRows !== undefined && changed !== statement.expectRows) {
    throw new Conflict(`${changed} rows changed where ${statement.expectRows} had to: ${statement.sql}`);
  }
}

function insertEntries(connection: SqliteConnection, keys: KeyRing, change: SubmittedChange, head: number): number[] {
  return change.entries.map((entry, index) => insertEntry(connection, keys, entry, head + index + 1));
}

function insertEntry(connection: SqliteConnection, keys: KeyRing, entry: PreparedEntry, seq: number): number {
  const text = entryText(entry, seq);
  connection.run({ sql: INSERT_ENTRY, parameters: [seq, text, leafHash(text)] });
  if (entry.payload !== undefined) {
    const sealed = seal(keys, entry.payload.salt, entry.payload.plaintext);
    connection.run({ sql: INSERT_PAYLOAD, parameters: [seq, sealed] });
  }
  return seq;
}

function headOf(connection: SqliteConnection): number {
  const [row] = connection.all(HEAD) as { head: number }[];
  return row?.head ?? 0;
}
