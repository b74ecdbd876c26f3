// Erases payloads, so that the log still verifies: the entries stay, and one more says what is gone, why and at whose word.
// Those of entries, of one call, or of all that is older than a day.
import type { Person } from '../core/approval.ts';
import { MAX_ERASED_ENTRIES } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { PayloadRecords } from '../core/payload-records.ts';
import { Conflict } from '../core/store.ts';

/** Exactly one of the first three. */
export interface ErasureRequest {
  /** Numbers of entries. */
  readonly entries?: readonly number[] | undefined;
  readonly invocation?: string | undefined;
  /** RFC 3339: everything that was written earlier. */
  readonly before?: string | undefined;
  readonly reason: string;
}

export interface Erasures {
  /**
   * Resolves with how many payloads are gone, with their salts: durable, and named in the log. `missing`: one of `entries`
   * has none, and nothing was erased. Rejects with StoreError: some may be gone then, and the log names those.
   */
  erase(person: Person, request: ErasureRequest): Promise<number | 'missing'>;
}

export function createErasures(log: Log, payloads: PayloadRecords): Erasures {
  async function erase(person: Person, entries: readonly number[], reason: string): Promise<void> {
    const { issuer, subject, name } = person;
    const body = { type: 'payload.erased', entries, reason, person: { issuer, subject, name } } as const;
    await log.append(
      [{ body }],
      entries.map((seq) => payloads.erased(seq)),
    );
  }

  return {
    async erase(person, { entries, invocation, before, reason }) {
      if (entries !== undefined) {
        const once = [...new Set(entries)];
        try {
          await erase(person, once, reason);
        } catch (error) {
          if (error instanceof Conflict) return 'missing';
          throw error;
        }
        return once.length;
      }
      const find = (): Promise<readonly number[]> =>
        invocation === undefined
          ? payloads.before(new Date(before ?? 0).toISOString(), MAX_ERASED_ENTRIES)
          : payloads.ofInvocation(invocation, MAX_ERASED_ENTRIES);
      let count = 0;
      for (let found = await find(); found.length > 0; found = await find()) {
        try {
          await erase(person, found, reason);
          count += found.length;
        } catch (error) {
          // Somebody else erased one of them meanwhile: what is left is looked for again.
          if (!(error instanceof Conflict)) throw error;
        }
      }
      return count;
    },
  };
}
