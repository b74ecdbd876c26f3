// Runs one statement as one transaction under the lease's login, within its limits, and stops when it is told to.
import type pg from 'pg';
import { stoppedBy } from '../../src/core/cancelled.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { untilAborted } from '../../src/core/deadline.ts';
import { BackendError } from '../../src/core/errors.ts';
import type { ToolAnswer, ToolCall } from '../../src/core/tool.ts';
import type { ToolLimits } from '../tool-kind.ts';
import type { NamedSql } from './named-sql.ts';
import { cut, poolOf, requestCancel } from './postgres-connections.ts';
import { backendError, isLost } from './postgres-errors.ts';
import { AnswerTooLarge, fly, type Step } from './postgres-flight.ts';
import {
  BEGIN,
  COMMIT,
  forgetPrepared,
  LIMITS,
  LIMITS_READ_ONLY,
  prepareOn,
  type Prepared,
} from './postgres-statements.ts';
import { planOf } from './postgres-plan.ts';
import { encode } from './postgres-values.ts';

export interface Statement {
  readonly backend: string;
  readonly url: string;
  readonly sql: NamedSql;
  readonly readOnly: boolean;
  readonly limits: ToolLimits;
  /** A statement whose plan is told along with the rows: of a preview, the one that the tool would run. */
  readonly explained?: NamedSql;
}

/** What a server gets to confirm that it stopped; less than the broker gives the call as a whole. */
const STOP_MS = 1_000;
/** So that a statement that waits for a lock ends by that, and says so, before it ends for lack of time. */
const LOCK_PART = 0.9;
/** A single row may be larger than the limit of the whole; beyond this it is not even read. */
const READ_SLACK_BYTES = 1_048_576;
/** A change reads its answer to the end, as it would be undone otherwise; up to here. */
const MAX_CHANGE_ANSWER_BYTES = 67_108_864;

/** Throws BackendError alone. A change that was not confirmed is outcome_unknown; every other error means it did not happen. */
export async function callStatement(statement: Statement, call: ToolCall): Promise<ToolAnswer> {
  const { lease, signal } = call;
  if (lease === undefined) {
    const detail = `${statement.backend} declares no credential, and a Postgres login is made for each lease`;
    throw new BackendError('backend_unavailable', detail);
  }
  const client = await connect(statement, call, poolOf(lease, statement.url));
  const run = new Run(statement, call, client);
  const stop = (): void => {
    run.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await run.answer();
  } catch (error) {
    throw await run.failure(error);
  } finally {
    signal.removeEventListener('abort', stop);
    run.release();
  }
}

async function connect({ backend, url }: Statement, { signal }: ToolCall, pool: pg.Pool): Promise<pg.PoolClient> {
  if (signal.aborted) throw stoppedBy(signal);
  try {
    return await untilAborted(pool.connect(), signal, { late: (client) => client.release() });
  } catch (error) {
    throw signal.aborted ? stoppedBy(signal) : backendError(error, `${backend} at ${new URL(url).host}`);
  }
}

/** One call on one connection. */
class Run {
  readonly #statement: Statement;
  readonly #call: ToolCall;
  readonly #client: pg.PoolClient;
  /** How far it has come: what an error means depends on it. */
  #stage: 'preparing' | 'running' | 'committing' | 'done' = 'preparing';
  #cancelling: NodeJS.Timeout | undefined;
  #discard = false;

  constructor(statement: Statement, call: ToolCall, client: pg.PoolClient) {
    this.#statement = statement;
    this.#call = call;
    this.#client = client;
  }

  async answer(): Promise<ToolAnswer> {
    try {
      return await this.#attempt();
    } catch (error) {
      // After a migration the plans of a connection are stale; the server says so before anything has run.
      if (!isStalePlan(error) || this.#call.signal.aborted) throw error;
      await this.#client.query('rollback');
      await forgetPrepared(this.#client);
      return this.#attempt();
    }
  }

  async #attempt(): Promise<ToolAnswer> {
    const { sql, readOnly, limits, explained } = this.#statement;
    const { arguments: args, deadline, signal } = this.#call;
    this.#stage = 'preparing';
    const prepared = await prepareOn(this.#client, sql.text);
    const plan = explained && (await planOf(this.#client, explained));
    if (signal.aborted) throw stoppedBy(signal);
    const values = sql.parameters.map((name, index) => encode(args[name], prepared.parameters[index] ?? 0));
    const rows = new Rows(prepared, limits);
    const remaining = Math.max(1, deadline - Date.now());
    const timeouts = [String(Math.ceil(remaining)), String(Math.ceil(remaining * LOCK_PART))];
    const statement: Step = {
      statement: prepared.name,
      values,
      // One more than may leave, to tell a full result from a cut one. A change runs to its end.
      rows: readOnly ? limits.rows + 1 : 0,
      onRow: (fields, bytes) => {
        rows.add(fields, bytes);
      },
    };
    this.#stage = 'running';
    if (readOnly) {
      // One flight is one transaction: Postgres begins it with the first step, and ends it with the Sync behind the last.
      const limit = { statement: LIMITS_READ_ONLY, values: timeouts };
      await this.#fly([limit, ...(plan?.steps ?? []), statement], rows);
      this.#stage = 'done';
      const { structured } = rows.answer(undefined);
      return { structured: { ...structured, ...(plan && { plan: plan.lines.join('\n') }) } };
    }
    const begin = [{ statement: BEGIN }, { statement: LIMITS, values: timeouts }];
    const [, , stepped] = await fly(this.#client, [...begin, statement], MAX_CHANGE_ANSWER_BYTES);
    // Rendered before it is committed: what cannot be told is not done.
    const answer = rows.answer(stepped?.count);
    if (signal.aborted) throw stoppedBy(signal);
    this.#stage = 'committing';
    await fly(this.#client, [{ statement: COMMIT }], READ_SLACK_BYTES);
    this.#stage = 'done';
    return answer;
  }

  /** A read whose answer grows too large has been read far enough. */
  async #fly(steps: readonly Step[], rows: Rows): Promise<void> {
    try {
      await fly(this.#client, steps, 4 * this.#statement.limits.bytes + READ_SLACK_BYTES);
    } catch (error) {
      if (!(error instanceof AnswerTooLarge)) throw error;
      this.#discard = true;
      rows.truncate();
    }
  }

  /** Asks the server to stop. A commit under way is left to finish: only it can tell what became of the change. */
  stop(): void {
    if (this.#stage === 'done') return;
    // A request to cancel that is late would hit whatever runs next on the connection.
    this.#discard = true;
    if (this.#stage !== 'committing') requestCancel(this.#client);
    this.#cancelling = setTimeout(() => {
      cut(this.#client);
    }, STOP_MS);
  }

  async failure(error: unknown): Promise<BackendError> {
    const { readOnly, backend, url } = this.#statement;
    const { signal, deadline } = this.#call;
    const stage = this.#stage;
    const told = backendError(error, `${backend} at ${new URL(url).host}`);
    if (!(error instanceof BackendError) && isLost(error)) {
      this.#discard = true;
      if (!readOnly && (stage === 'running' || stage === 'committing')) {
        const when = stage === 'running' ? 'before its commit was sent' : 'while it was committed';
        return new BackendError(
          'outcome_unknown',
          `the connection was lost in the middle of a change, ${when}: ${told.detail}`,
          { cause: error },
        );
      }
      return signal.aborted ? stoppedBy(signal) : told;
    }
    if (!this.#discard) await this.#recover(stage);
    if (signal.aborted) return stoppedBy(signal);
    const timedOut = codeOf(error) === '57014' && Date.now() >= deadline - 50;
    return timedOut ? new BackendError('deadline_exceeded', told.detail, { cause: error }) : told;
  }

  /** Leaves the connection as the next call expects it. */
  async #recover(stage: 'preparing' | 'running' | 'committing' | 'done'): Promise<void> {
    try {
      await this.#client.query('rollback');
      if (stage === 'preparing') await forgetPrepared(this.#client);
    } catch {
      this.#discard = true;
    }
  }

  release(): void {
    clearTimeout(this.#cancelling);
    this.#client.release(this.#discard);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function isStalePlan(error: unknown): boolean {
  return (
    codeOf(error) === '0A000' &&
    error instanceof Error &&
    'routine' in error &&
    error.routine === 'RevalidateCachedQuery'
  );
}

/** Collects rows up to the limits, and counts the rest. */
class Rows {
  readonly #prepared: Prepared;
  readonly #limits: ToolLimits;
  readonly #rows: JsonObject[] = [];
  #bytes = 0;
  #truncated = false;

  constructor(prepared: Prepared, limits: ToolLimits) {
    this.#prepared = prepared;
    this.#limits = limits;
  }

  add(fields: readonly (string | null)[], bytes: number): void {
    if (this.#truncated) return;
    this.#bytes += bytes + this.#prepared.rowOverheadBytes;
    if (this.#rows.length === this.#limits.rows || this.#bytes > this.#limits.bytes) {
      this.#truncated = true;
      return;
    }
    const { columns } = this.#prepared;
    this.#rows.push(
      Object.fromEntries(
        columns.map(({ name, decode }, index): [string, Json] => {
          const field = fields[index] ?? null;
          return [name, field === null ? null : decode(field)];
        }),
      ),
    );
  }

  truncate(): void {
    this.#truncated = true;
  }

  /** @param count how many rows the server says it changed; of a read, those shown count */
  answer(count: number | undefined): ToolAnswer {
    const rowCount = count ?? this.#rows.length;
    return { structured: { rows: this.#rows, rowCount, ...(this.#truncated ? { truncated: true } : {}) } };
  }
}
