// Where a written log is read from: a store, or an exported copy. Read-only.

/** One entry as it was written. */
export interface WrittenEntry {
  readonly seq: number;
  /** Its canonical JSON, byte for byte (as UTF-8). */
  readonly text: string;
}

/** Every condition must hold. Texts are compared as a whole. */
export interface EntryFilter {
  readonly invocation?: string;
  readonly session?: string;
  /** Matches the subject or the actor. */
  readonly principal?: string;
  readonly tool?: string;
  readonly type?: string;
  /** Of an `outcome` entry; `refused` finds what was stopped before there was one. */
  readonly outcome?: string;
  /** One of the deciding rules. */
  readonly rule?: string;
  /** Anywhere in the entry's text. */
  readonly text?: string;
  /** RFC 3339 in UTC with milliseconds; inclusive. */
  readonly since?: string;
  /** Exclusive. */
  readonly until?: string;
  readonly afterSeq?: number;
}

export interface LogSource {
  /** In order of their numbers; with `newest` the last `limit` that match, else the first. */
  entries(filter: EntryFilter, limit: number, newest?: 'newest'): Promise<readonly WrittenEntry[]>;
  /** The sealed payload of an entry; undefined where it has none, or it was erased. */
  sealedPayload(seq: number): Promise<Uint8Array | undefined>;
  /** Whether the broker process was heard of lately: a call of it without an outcome is then still running. */
  isAlive(broker: string, now: number): Promise<boolean>;
}
