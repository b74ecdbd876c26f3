// The log as the doors see it, over a store. Makes the only evidence that an intent is durable.
import type { NewEntry } from '../core/entry.ts';
import { StoreError } from '../core/errors.ts';
import { Intent } from '../core/evidence.ts';
import type { Log } from '../core/log.ts';
import type { Store } from '../core/store.ts';

export interface LogOptions {
  readonly store: Store;
  /** Id of this broker process; every entry names it, so that a call that still runs can be told from a lost one. */
  readonly broker: string;
}

export function createLog({ store, broker }: LogOptions): Log {
  const stamp = (entry: NewEntry): NewEntry => ({ ...entry, broker });
  return {
    append: (entries, statements = []) => store.commit({ entries: entries.map(stamp), statements }),

    intent: async (permit, body, payloads, { statements = [], entries = [] } = {}) => {
      if (body.invocation !== permit.invocation.id)
        throw new TypeError('the intent is not of the permitted invocation');
      const [seq] = await store.commit({ entries: [stamp({ body, payloads }), ...entries.map(stamp)], statements });
      if (seq === undefined) throw new StoreError('the store gave the intent no number');
      return Intent.recorded(permit, seq);
    },
  };
}
