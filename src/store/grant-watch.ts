// Tells this process when grants that it uses have ended: one look at the store serves all, and only while any is in use.
import type { GrantEnd, GrantSignals } from '../core/grants.ts';
import { GRANT_POLL_MS } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export interface GrantWatch {
  /** Of a grant that had not ended when it was read. */
  signals(id: string): GrantSignals;
}

export function watchGrants(store: Store): GrantWatch {
  const watched = new Map<string, { readonly over: AbortController; readonly revoked: AbortController }>();
  let looking: NodeJS.Timeout | undefined;

  function lookSoon(): void {
    looking ??= setTimeout(() => void look(), GRANT_POLL_MS).unref();
  }

  async function look(): Promise<void> {
    const ended = queries
      .selectFrom('grants')
      .select(['id', 'ended_as'])
      .where('id', 'in', [...watched.keys()])
      .where('ended_at', 'is not', null);
    try {
      for (const { id, ended_as } of await store.query<{ id: string; ended_as: GrantEnd }>(statement(ended))) {
        const { over, revoked } = watched.get(id) ?? {};
        watched.delete(id);
        if (ended_as === 'revoked') revoked?.abort(new Error('the grant was revoked'));
        over?.abort(new Error('the grant has ended'));
      }
    } catch {
      // A store that is down lets no call begin, and is told elsewhere; leases end by their own time.
    }
    looking = undefined;
    if (watched.size > 0) lookSoon();
  }

  return {
    signals(id) {
      const found = watched.get(id) ?? { over: new AbortController(), revoked: new AbortController() };
      watched.set(id, found);
      lookSoon();
      return { over: found.over.signal, revoked: found.revoked.signal };
    },
  };
}
