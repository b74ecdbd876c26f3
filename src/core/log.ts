// The port of the log, as the doors see it: append-only, durable before the next door opens. Implemented in src/log.
import type { Intent, Permit } from './evidence.ts';
import type { EntryBody, NewEntry, Payloads } from './entry.ts';
import type { Change, Statement } from './store.ts';

type Body<Type extends EntryBody['type']> = Extract<EntryBody, { type: Type }>;

export interface Log {
  /** Durable when it resolves, together with `statements`. Rejects with StoreError or Conflict: then nothing was written. */
  append(entries: readonly NewEntry[], statements?: readonly Statement[]): Promise<readonly number[]>;
  /** Writes the intent of a permitted invocation, together with `more`; the only way to an Intent. Rejects as `append` does. */
  intent(permit: Permit, body: Body<'intent'>, payloads: Payloads, more?: Change): Promise<Intent>;
}
