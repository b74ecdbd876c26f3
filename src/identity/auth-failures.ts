// Requests without a principal, counted: a flood of them must not flood the log, so they become one entry a minute.
import type { Clock } from '../core/clock.ts';
import type { EntryBody } from '../core/entry.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import type { AuthFailure, AuthFailureReason } from './authenticate.ts';
import { AUTH_FAILURES_INTERVAL_MS } from './limits.ts';

export interface AuthFailures extends AsyncDisposable {
  count(failure: AuthFailure): void;
  /** Writes what has been counted, if anything. Never rejects: what could not be written is counted on. */
  flush(): Promise<void>;
}

/** Writes an `auth.failures` entry every minute in which there were any, and the last when it is disposed of. */
export function countAuthFailures(options: { append: Log['append']; clock: Clock; logger: Logger }): AuthFailures {
  const { append, clock, logger } = options;
  let counts = new Map<AuthFailureReason, number>();
  let from = 0;

  function add(reason: AuthFailureReason, count: number, at: number): void {
    from = counts.size === 0 ? at : Math.min(from, at);
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }

  async function flush(): Promise<void> {
    if (counts.size === 0) return;
    const taken = { counts, from };
    counts = new Map();
    try {
      await append([{ body: entryOf(taken.counts, taken.from, clock.now()) }]);
    } catch (error) {
      logger.error({ err: error }, 'refused requests could not be written to the log; they are counted on');
      for (const [reason, count] of taken.counts) add(reason, count, taken.from);
    }
  }

  const timer = setInterval(() => void flush(), AUTH_FAILURES_INTERVAL_MS).unref();
  return {
    count({ failure, detail }) {
      logger.debug({ failure, detail }, 'a request had no valid access token');
      add(failure, 1, clock.now());
    },
    flush,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await flush();
    },
  };
}

function entryOf(counts: ReadonlyMap<AuthFailureReason, number>, from: number, to: number): EntryBody {
  return {
    type: 'auth.failures',
    count: [...counts.values()].reduce((sum, count) => sum + count, 0),
    reasons: Object.fromEntries(counts),
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
  };
}
