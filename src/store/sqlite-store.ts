// The embedded store: the broker's side of the thread that holds the SQLite file.
import { extname } from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { StoreError } from '../core/errors.ts';
import type { Keys } from '../core/keys.ts';
import { LOG_DEADLINE_MS, STORE_PROBE_MS, STORE_QUEUE_MAX_BYTES } from '../core/limits.ts';
import type { Change, Statement, Store } from '../core/store.ts';
import { Conflict } from '../core/store.ts';
import { prepareEntry } from './entry-form.ts';
import { monotonicMs } from './sqlite-protocol.ts';
import type { FromWorker, Lost, SubmittedChange, ToWorker, WorkerOptions } from './sqlite-protocol.ts';

/** So many go to the thread together: it commits the first ones while the loop prepares the next, and both are busy. */
const CHANGES_AT_ONCE = 16;
/** The thread gives a change up this long before the caller does, so that "nothing was kept" stays true. */
const THREAD_MARGIN_MS = 500;
/** What SQLite is asked, when it failed, to find out whether it takes changes again. */
const PROBE: Statement = {
  sql: `insert into settings (name, value) values ('probe', '') on conflict (name) do update set value = excluded.value`,
  parameters: [],
};

export interface SqliteOptions {
  /** Made, with its directory, where it is missing. */
  readonly file: string;
  readonly keys: Pick<Keys, 'payload'>;
  readonly clock?: Clock;
  /** What is not on disk by then counts as not written. */
  readonly deadlineMs?: number;
}

/** What the thread makes lives no longer than a message: room for more would only stay in memory. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 12 };

/** Opens the store and brings its schema up to date. Throws StoreError where the file is damaged, locked or of a newer schema. */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const store = new SqliteStore(options);
  await store.opened();
  return store;
}

interface Waiter<Value> {
  readonly deadline: number;
  readonly bytes: number;
  resolve(value: Value): void;
  reject(error: Error): void;
}

class SqliteStore implements Store {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #workerOptions: WorkerOptions;
  /** Each resolves with the number of its change's first entry. */
  readonly #changes = new Map<number, Waiter<number>>();
  readonly #queries = new Map<number, Waiter<readonly unknown[]>>();
  readonly #watch: NodeJS.Timeout;
  #worker: Worker;
  #outbox: SubmittedChange[] = [];
  #queuedBytes = 0;
  #lastId = 0;
  #problem: string | undefined;
  #closed = false;

  constructor({ file, keys, clock = systemClock, deadlineMs = LOG_DEADLINE_MS }: SqliteOptions) {
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    this.#workerOptions = { file, payloadKeys: keys.payload };
    this.#worker = this.#start();
    this.#watch = setInterval(() => this.#tick(), STORE_PROBE_MS);
    this.#watch.unref();
  }

  async opened(): Promise<void> {
    const [message] = (await once(this.#worker, 'message')) as [FromWorker];
    if (message.kind === 'opened') return;
    this.#closed = true;
    clearInterval(this.#watch);
    throw new StoreError(message.kind === 'refused' ? message.message : 'the store could not be opened');
  }

  async commit({ statements = [], entries = [] }: Change): Promise<readonly number[]> {
    const time = this.#clock.now();
    const prepared = entries.map((entry) => prepareEntry(entry, time));
    const bytes = prepared.reduce((sum, { before, after, payload }) => {
      return sum + before.length + after.length + (payload?.plaintext.length ?? 0);
    }, 256);
    const first = await this.#submit(this.#changes, bytes, (id, deadline) => {
      if (this.#outbox.length === 0) setImmediate(() => this.#flush());
      this.#outbox.push({ id, deadline: deadline - THREAD_MARGIN_MS, statements, entries: prepared });
      if (this.#outbox.length >= CHANGES_AT_ONCE) this.#flush();
    });
    return prepared.map((_, index) => first + index);
  }

  async query<Row>(statement: Statement): Promise<readonly Row[]> {
    const rows = await this.#submit(this.#queries, 256, (id) => this.#post({ kind: 'query', id, statement }));
    return rows as readonly Row[];
  }

  health(): { ok: boolean; detail?: string } {
    return this.#problem === undefined ? { ok: true } : { ok: false, detail: this.#problem };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    clearInterval(this.#watch);
    const gone = once(this.#worker, 'exit');
    this.#post({ kind: 'close' });
    await gone;
  }

  #submit<Value>(
    waiters: Map<number, Waiter<Value>>,
    bytes: number,
    send: (id: number, deadline: number) => void,
  ): Promise<Value> {
    if (this.#closed) throw new StoreError('the store has been closed');
    // Back-pressure: a store that does not keep up must not take the broker's memory.
    if (this.#queuedBytes + bytes > STORE_QUEUE_MAX_BYTES)
      throw new StoreError('the store does not keep up: its queue is full');
    this.#queuedBytes += bytes;
    const id = ++this.#lastId;
    // Overdue waiters are found by the next probe, so that both together stay within the deadline.
    const deadline = monotonicMs() + this.#deadlineMs - STORE_PROBE_MS;
    return new Promise((resolve, reject) => {
      waiters.set(id, { deadline, bytes, resolve, reject });
      send(id, deadline);
    });
  }

  #flush(): void {
    const changes = this.#outbox;
    this.#outbox = [];
    if (changes.length > 0) this.#post({ kind: 'changes', changes });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    // The compiler does not rewrite this name: it is .ts where the sources run, and .js where they were compiled.
    const program = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(program, { workerData: this.#workerOptions, resourceLimits: THREAD_LIMITS });
    worker.on('message', (message: FromWorker) => this.#receive(message));
    let detail = `the store's thread has ended`;
    worker.on('error', (error: Error) => (detail = `the store's thread failed: ${error.message}`));
    worker.on('exit', () => this.#fail(detail));
    return worker;
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'fates') this.#settle(message.kept, message.lost);
    else if (message.kind === 'rows') this.#take(this.#queries, message.id)?.resolve(message.rows);
    else if (message.kind === 'query-failed') {
      this.#take(this.#queries, message.id)?.reject(new StoreError(message.detail));
    } else if (message.kind === 'refused') this.#problem = message.message;
  }

  #settle(kept: readonly number[], lost: readonly Lost[]): void {
    if (kept.length > 0) this.#problem = undefined;
    for (let at = 0; at < kept.length; at += 2) {
      this.#take(this.#changes, kept[at] ?? 0)?.resolve(kept[at + 1] ?? 0);
    }
    for (const { id, why, detail } of lost) {
      if (why === 'storage') this.#problem = detail;
      this.#take(this.#changes, id)?.reject(why === 'conflict' ? new Conflict(detail) : new StoreError(detail));
    }
  }

  #take<Value>(waiters: Map<number, Waiter<Value>>, id: number): Waiter<Value> | undefined {
    const waiter = waiters.get(id);
    if (waiter === undefined) return undefined;
    waiters.delete(id);
    this.#queuedBytes -= waiter.bytes;
    return waiter;
  }

  /** Gives up what is overdue, and asks a store that failed whether it has recovered. */
  #tick(): void {
    const now = monotonicMs();
    for (const waiters of [this.#changes, this.#queries] as Map<number, Waiter<unknown>>[]) {
      for (const [id, { deadline }] of waiters) {
        if (deadline > now) break;
        this.#problem = `the store did not answer within ${this.#deadlineMs} ms`;
        this.#take(waiters, id)?.reject(new StoreError(this.#problem));
      }
    }
    if (this.#problem !== undefined && this.#changes.size === 0) {
      this.commit({ statements: [PROBE] }).catch(() => {
        // It is not well yet; the next tick asks again.
      });
    }
  }

  /** The thread is gone: nobody will answer what waits, and a new thread opens the file. */
  #fail(detail: string): void {
    const expected = this.#closed;
    const waiters = [...this.#changes.values(), ...this.#queries.values()];
    this.#changes.clear();
    this.#queries.clear();
    this.#outbox = [];
    this.#queuedBytes = 0;
    for (const waiter of waiters) waiter.reject(new StoreError(detail));
    if (expected) return;
    this.#problem = detail;
    setTimeout(() => {
      if (!this.#closed) this.#worker = this.#start();
    }, STORE_PROBE_MS).unref();
  }
}
