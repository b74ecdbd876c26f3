// The thread that holds the SQLite file, so that no commit to disk stalls the broker's event loop.
// Whatever arrived while one batch was being committed goes into the next.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { commitBatch } from './sqlite-batch.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { describeError, isBusy, isStatementError } from './sqlite-errors.ts';
import { monotonicMs } from './sqlite-protocol.ts';
import type { FromWorker, Lost, SubmittedChange, ToWorker, WorkerOptions } from './sqlite-protocol.ts';

/** Bounds how long one commit keeps the others waiting. */
const MAX_BATCH = 1_024;
/** Two processes that start at once, and a migration, are over long before this. */
const OPEN_MS = 4_000;

const { file, payloadKeys } = workerData as WorkerOptions;
if (parentPort === null) throw new Error('this program is a thread of the SQLite store');
const port = parentPort;
const waiting: SubmittedChange[] = [];
let connection: SqliteConnection | undefined;
let closing = false;

try {
  connection = openPatiently();
  reply({ kind: 'opened' });
  port.on('message', (message: ToWorker) => {
    accept(message);
    work();
  });
} catch (error) {
  reply({ kind: 'refused', message: describeError(error) });
  port.close();
}

function accept(message: ToWorker): void {
  if (message.kind === 'changes') waiting.push(...message.changes);
  else if (message.kind === 'query') answer(message.id, message);
  else closing = true;
}

function work(): void {
  do {
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
      accept(more.message as ToWorker);
    }
    commitNext();
  } while (waiting.length > 0);
  if (closing) {
    connection?.close();
    port.close();
  }
}

function commitNext(): void {
  const now = monotonicMs();
  const batch = waiting.splice(0, MAX_BATCH);
  const late = batch.filter((change) => change.deadline <= now);
  const inTime = batch.filter((change) => change.deadline > now);
  if (late.length > 0) giveUp(late, 'the database was locked or too slow until the deadline');
  if (inTime.length === 0) return;
  try {
    connection ??= SqliteConnection.open(file);
    reply({ kind: 'fates', ...commitBatch(connection, payloadKeys, inTime) });
  } catch (error) {
    if (isBusy(error)) {
      waiting.unshift(...inTime);
      return;
    }
    giveUp(inTime, describeError(error));
    reconnect();
  }
}

function answer(id: number, { statement }: Extract<ToWorker, { kind: 'query' }>): void {
  try {
    connection ??= SqliteConnection.open(file);
    reply({ kind: 'rows', id, rows: connection.all(statement) });
  } catch (error) {
    reply({ kind: 'query-failed', id, detail: describeError(error) });
    if (!isStatementError(error) && !isBusy(error)) reconnect();
  }
}

/** After an error of the file a fresh connection finds out whether it has been mended. */
function reconnect(): void {
  try {
    connection?.close();
  } finally {
    connection = undefined;
  }
}

function openPatiently(): SqliteConnection {
  const until = monotonicMs() + OPEN_MS;
  while (true) {
    try {
      return SqliteConnection.open(file);
    } catch (error) {
      if (!isBusy(error) || monotonicMs() > until) throw error;
    }
  }
}

function giveUp(changes: readonly SubmittedChange[], detail: string): void {
  const lost = changes.map(({ id }): Lost => ({ id, why: 'storage', detail }));
  reply({ kind: 'fates', kept: [], lost });
}

function reply(message: FromWorker): void {
  port.postMessage(message);
}
