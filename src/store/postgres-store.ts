// The shared store: several brokers on one Postgres. One connection writes in batches, a few others read.
import pg from 'pg';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { StoreError } from '../core/errors.ts';
import type { Keys } from '../core/keys.ts';
import { LOG_DEADLINE_MS, STORE_PROBE_MS, STORE_QUEUE_MAX_BYTES } from '../core/limits.ts';
import type { Change, Statement, Store } from '../core/store.ts';
import { Conflict } from '../core/store.ts';
import { prepareEntry } from './entry-form.ts';
import { SCHEMA_VERSION, newerSchemaMessage } from './migrations.ts';
import { commitBatch, numbered } from './postgres-batch.ts';
import type { ChangeFate, PreparedChange } from './postgres-batch.ts';
import { SCHEMA, schemaVersion } from './postgres-schema.ts';
import { describePostgresError, postgresTypes } from './postgres-wire.ts';
import { monotonicMs } from './sqlite-protocol.ts';

const MAX_BATCH = 512;
const READERS = 4;
const SERVER_MARGIN_MS = 1_000;

export interface PostgresOptions {
  /** Of the broker's own login, which must not own the tables: see `initPostgresStore`. */
  readonly url: string;
  readonly keys: Pick<Keys, 'payload'>;
  readonly clock?: Clock;
  /** What is not on disk by then counts as not written. */
  readonly deadlineMs?: number;
}

/** Throws StoreError where the database cannot be reached, was not initialised, or the login could rewrite the log. */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  const store = new PostgresStore(options);
  try {
    await store.examine();
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error instanceof StoreError ? error : new StoreError(describePostgresError(error), error);
  }
}

interface Waiting extends PreparedChange {
  readonly deadline: number;
  readonly bytes: number;
  resolve(seqs: readonly number[]): void;
  reject(error: Error): void;
}

class PostgresStore implements Store {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #keys: Keys['payload'];
  readonly #writers: pg.Pool;
  readonly #readers: pg.Pool;
  readonly #watch: NodeJS.Timeout;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #pumping: Promise<void> | undefined;
  #problem: string | undefined;
  #closed = false;

  constructor({ url, keys, clock = systemClock, deadlineMs = LOG_DEADLINE_MS }: PostgresOptions) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#keys = keys.payload;
    this.#writers = pool(url, 1, deadlineMs);
    this.#readers = pool(url, READERS, deadlineMs);
    this.#watch = setInterval(() => this.#probe(), STORE_PROBE_MS);
    this.#watch.unref();
  }

  async examine(): Promise<void> {
    const [found] = await this.query<{ ready: boolean }>({
      sql: `select to_regclass('${SCHEMA}.migrations') is not null as ready`,
      parameters: [],
    });
    const version = found?.ready === true ? await schemaVersion(this.#readers) : 0;
    if (version > SCHEMA_VERSION) throw new StoreError(newerSchemaMessage('the database', version));
    if (version < SCHEMA_VERSION) {
      throw new StoreError(
        `the database has schema ${version}, and ${SCHEMA_VERSION} is needed: run sallyport store init`,
      );
    }
    const [login] = await this.query<{ name: string; owns: boolean }>({
      sql: `select current_user as name, bool_or(
              pg_has_role(current_user, tableowner, 'member')
              or has_table_privilege(current_user, '${SCHEMA}.entries', 'insert, update, delete, truncate')
              or has_table_privilege(current_user, '${SCHEMA}.log_head', 'insert, update, delete, truncate')) as owns
            from pg_tables where schemaname = '${SCHEMA}'`,
      parameters: [],
    });
    if (login?.owns !== false) {
      throw new StoreError(
        `the login ${String(login?.name)} owns the log's tables, or may write to them, and could rewrite it: use another one`,
      );
    }
  }

  async commit({ statements = [], entries = [] }: Change): Promise<readonly number[]> {
    if (this.#closed) throw new StoreError('the store has been closed');
    const time = this.#clock.now();
    const prepared = entries.map((entry) => prepareEntry(entry, time));
    const bytes = prepared.reduce((sum, { before, after, payload }) => {
      return sum + before.length + after.length + (payload?.plaintext.length ?? 0);
    }, 256);
    // Back-pressure: a store that does not keep up must not take the broker's memory.
    if (this.#queuedBytes + bytes > STORE_QUEUE_MAX_BYTES)
      throw new StoreError('the store does not keep up: its queue is full');
    this.#queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#queue.push({
        statements,
        entries: prepared,
        bytes,
        deadline: monotonicMs() + this.#deadlineMs,
        resolve,
        reject,
      });
      // What is handed over in the same turn goes into the same batch.
      this.#pumping ??= new Promise((start) => setImmediate(start)).then(() => this.#pump());
    });
  }

  async query<Row>({ sql, parameters }: Statement): Promise<readonly Row[]> {
    try {
      const { rows } = await this.#readers.query(numbered(sql), [...parameters]);
      return rows as Row[];
    } catch (error) {
      throw new StoreError(describePostgresError(error), error);
    }
  }

  health(): { ok: boolean; detail?: string } {
    return this.#problem === undefined ? { ok: true } : { ok: false, detail: this.#problem };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    await this.#pumping;
    await Promise.all([this.#writers.end(), this.#readers.end()]);
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      const deadline = Math.min(...batch.map((change) => change.deadline));
      try {
        this.#settle(batch, await this.#write(batch, deadline - monotonicMs()));
        this.#problem = undefined;
      } catch (error) {
        this.#problem = describePostgresError(error);
        for (const change of batch) change.reject(new StoreError(describePostgresError(error), error));
      }
      for (const { bytes } of batch) this.#queuedBytes -= bytes;
    }
    this.#pumping = undefined;
  }

  #settle(batch: readonly Waiting[], fates: readonly ChangeFate[]): void {
    batch.forEach((change, index) => {
      const fate = fates[index];
      if (fate instanceof Conflict) change.reject(fate);
      else if (fate instanceof Error) change.reject(new StoreError(describePostgresError(fate), fate));
      else change.resolve(fate ?? []);
    });
  }

  /** A connection that does not answer in time is cut, so that the server gives up what it holds. */
  async #write(batch: readonly Waiting[], ms: number): Promise<readonly ChangeFate[]> {
    if (ms <= 0) throw new StoreError('the database was too slow until the deadline');
    const late = new StoreError(`the database did not answer within ${this.#deadlineMs} ms`);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(late), ms)));
    const connecting = this.#writers.connect();
    let broken: Error | undefined;
    let client: pg.PoolClient | undefined;
    try {
      client = await Promise.race([connecting, timeout]);
      return await Promise.race([commitBatch(client, this.#keys, batch), timeout]);
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
      if (error === late && client !== undefined) await this.#terminate(client);
      throw error;
    } finally {
      clearTimeout(timer);
      void connecting.then((client) => client.release(broken)).catch(() => undefined);
    }
  }

  /** What still waits for a lock in the server must not be committed after its caller was told no. */
  async #terminate(client: pg.PoolClient): Promise<void> {
    const { processID } = client as { processID?: number | null };
    await this.#readers.query('select pg_terminate_backend($1)', [processID]).catch(() => undefined);
  }

  #probe(): void {
    if (this.#problem === undefined || this.#queue.length > 0 || this.#pumping !== undefined) return;
    this.commit({ statements: [{ sql: 'select 1', parameters: [] }] }).catch(() => {
      // It is not well yet; the next probe asks again.
    });
  }
}

function pool(url: string, max: number, deadlineMs: number): pg.Pool {
  const made = new pg.Pool({
    connectionString: url,
    max,
    application_name: 'sallyport',
    connectionTimeoutMillis: deadlineMs,
    // The server gives up before the caller does, so that "nothing was kept" stays true.
    options: `-c search_path=${SCHEMA} -c statement_timeout=${deadlineMs - SERVER_MARGIN_MS} -c synchronous_commit=on`,
    types: postgresTypes(),
  });
  // A connection lost while idle is replaced at the next query.
  made.on('error', () => undefined);
  // One lost in use, between two statements, fails the next; unheard, its error would end the process.
  made.on('connect', (client) => client.on('error', () => undefined));
  return made;
}
