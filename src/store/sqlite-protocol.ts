// What passes between the broker's thread and the one that holds the SQLite file.
import type { KeyRing } from '../core/keys.ts';
import type { Statement } from '../core/store.ts';
import type { PreparedEntry } from './entry-form.ts';

export interface WorkerOptions {
  readonly file: string;
  readonly payloadKeys: KeyRing;
}

export type ToWorker =
  | { readonly kind: 'changes'; readonly changes: readonly SubmittedChange[] }
  | { readonly kind: 'query'; readonly id: number; readonly statement: Statement }
  | { readonly kind: 'close' };

export interface SubmittedChange {
  readonly id: number;
  /** Milliseconds of `process.hrtime`, which both threads share and no change of the clock moves. */
  readonly deadline: number;
  readonly statements: readonly Statement[];
  readonly entries: readonly PreparedEntry[];
}

export type FromWorker =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly message: string }
  /** Most changes are kept: of those each has its id and the number of its first entry, one after the other. */
  | { readonly kind: 'fates'; readonly kept: readonly number[]; readonly lost: readonly Lost[] }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly unknown[] }
  | { readonly kind: 'query-failed'; readonly id: number; readonly detail: string };

export interface Lost {
  readonly id: number;
  readonly why: 'conflict' | 'statement' | 'storage';
  readonly detail: string;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
