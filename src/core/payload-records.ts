// The port of what is kept beside entries and can be erased. Implemented in src/store.
import type { Statement } from './store.ts';

export interface PayloadRecords {
  /** Numbers of entries of the invocation that have a payload, in order. Rejects with StoreError. */
  ofInvocation(invocation: string, limit: number): Promise<readonly number[]>;
  /** The same, of all entries earlier than `time` (RFC 3339 in UTC with milliseconds). */
  before(time: string, limit: number): Promise<readonly number[]>;
  /** To be committed with the `payload.erased` entry that names it. Conflict where there is none to erase. */
  erased(seq: number): Statement;
}
