// The port behind which state lives. SQLite and Postgres implement it; one contract suite runs on both.
import type { NewEntry } from './entry.ts';

/** One SQL statement, as Kysely compiles it. Parameters are text, numbers, bytes or null. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** The change is rolled back, with Conflict, unless exactly this many rows were changed. */
  readonly expectRows?: number;
}

export interface Change {
  readonly statements?: readonly Statement[];
  readonly entries?: readonly NewEntry[];
}

export interface Store {
  /**
   * Commits statements and entries together: all are durable and visible when this resolves, or none is.
   * Many changes may share one commit to disk; each keeps its own fate. Resolves with the sequence numbers of the
   * entries, in order. Rejects with Conflict when an `expectRows` did not hold, with StoreError when it could not be
   * made durable in time; the caller decides whether to try again.
   */
  commit(change: Change): Promise<readonly number[]>;
  /** Reads what has been committed. */
  query<Row>(statement: Statement): Promise<readonly Row[]>;
  /** Whether the store takes changes at this moment, with the reason where it does not. */
  health(): { readonly ok: boolean; readonly detail?: string };
  [Symbol.asyncDispose](): Promise<void>;
}

/** An `expectRows` did not hold: somebody else was first. Nothing of the change was kept. */
export class Conflict extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'Conflict';
  }
}
