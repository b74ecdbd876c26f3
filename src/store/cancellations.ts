// The `cancellations` table; see src/core/cancellations.ts. It is looked at only while a call here can be cancelled that way.
import { LRUCache } from 'lru-cache';
import type { Cancellations } from '../core/cancellations.ts';
import type { Clock } from '../core/clock.ts';
import { CANCELLATION_LIFE_MS, CANCELLATION_POLL_MS, MAX_CANCELLATIONS_PER_MINUTE } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export function createCancellations({ store, clock }: { store: Store; clock: Clock }): Cancellations {
  const hearing = new Map<string, () => void>();
  /** How many each principal has told in the minute that its first one began. */
  const told = new LRUCache<string, number>({ max: 10_000, ttl: 60_000, noUpdateTTL: true });
  let looking: NodeJS.Timeout | undefined;

  function lookSoon(): void {
    looking ??= setTimeout(() => void look(), CANCELLATION_POLL_MS).unref();
  }

  async function look(): Promise<void> {
    const since = clock.now() - CANCELLATION_LIFE_MS;
    const recent = queries.selectFrom('cancellations').select('call').where('told_at', '>=', since);
    try {
      for (const { call } of await store.query<{ call: string }>(statement(recent))) hear(call);
    } catch {
      // A store that is down is told elsewhere; the next look is soon.
    }
    looking = undefined;
    if (hearing.size > 0) lookSoon();
  }

  function hear(call: string): void {
    const cancelled = hearing.get(call);
    if (cancelled === undefined) return;
    hearing.delete(call);
    cancelled();
    // Heard: a later call of the same id is another. Where that fails, the row is soon too old to count.
    const row = queries.deleteFrom('cancellations').where('call', '=', call);
    store.commit({ statements: [statement(row)] }).catch(() => undefined);
  }

  return {
    async tell(principalKey, call) {
      const count = (told.get(principalKey) ?? 0) + 1;
      told.set(principalKey, count);
      if (count > MAX_CANCELLATIONS_PER_MINUTE) return;
      const now = clock.now();
      const old = queries.deleteFrom('cancellations').where('told_at', '<', now - CANCELLATION_LIFE_MS);
      const row = queries
        .insertInto('cancellations')
        .values({ call, told_at: now })
        .onConflict((conflict) => conflict.column('call').doUpdateSet({ told_at: now }));
      await store.commit({ statements: [statement(old), statement(row)] });
    },

    hear(call, cancelled) {
      hearing.set(call, cancelled);
      lookSoon();
      return {
        [Symbol.dispose]: () => {
          if (hearing.get(call) === cancelled) hearing.delete(call);
        },
      };
    },
  };
}
