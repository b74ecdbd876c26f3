// The port of what is kept beside entries and can be erased. Implemented in src/store.
import type { Statement } from './store.ts';

/** A payload that is there, by what its entry says. */
export interface KeptPayload {
  readonly seq: number;
  /** RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  readonly type: string;
  /** Null where the entry is about none. */
  readonly tool: string | null;
}

export interface PayloadRecords {
  /** Numbers of entries of the invocation that have a payload, in order. Rejects with StoreError. */
  ofInvocation(invocation: string, limit: number): Promise<readonly number[]>;
  /** The next of those after this number, in order. Rejects with StoreError. */
  after(seq: number, limit: number): Promise<readonly KeptPayload[]>;
  /** To be committed with the `payload.erased` entry that names it. Conflict where there is none to erase. */
  erased(seq: number): Statement;
}
