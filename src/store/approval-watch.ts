// Wakes those who wait for an approval: one look at the store serves all, and only while anybody waits.
import type { Clock } from '../core/clock.ts';
import { APPROVAL_POLL_MS } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export interface ApprovalWatch {
  /** Resolves when the approval is not pending any more, at the latest after `ms` milliseconds; rejects with the signal's reason. */
  settled(id: string, ms: number, signal: AbortSignal): Promise<void>;
}

/** Above what clocks of brokers differ by, and what a commit takes. Who is missed by it looks after APPROVAL_LOOK_MS. */
const LATELY_MS = 30_000;

export function watchApprovals(store: Store, clock: Clock): ApprovalWatch {
  const waiting = new Map<string, Set<() => void>>();
  /** What was decided lately, which is little, rather than what is pending, which can be much. */
  const decided = (now: number) =>
    queries
      .selectFrom('approvals')
      .select('id')
      .where('decided_at', '>', now - LATELY_MS)
      .where('state', '!=', 'pending');
  let looking: NodeJS.Timeout | undefined;

  function lookSoon(): void {
    looking ??= setTimeout(() => void look(), APPROVAL_POLL_MS);
  }

  async function look(): Promise<void> {
    try {
      for (const { id } of await store.query<{ id: string }>(statement(decided(clock.now())))) {
        for (const wake of waiting.get(id) ?? []) wake();
      }
    } catch {
      // A store that is down is told elsewhere; waiters look for themselves before long.
    }
    looking = undefined;
    if (waiting.size > 0) lookSoon();
  }

  return {
    settled: (id, ms, signal) =>
      new Promise((resolve, reject) => {
        const wakes = waiting.get(id) ?? new Set();
        const stop = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', aborted);
          wakes.delete(wake);
          if (wakes.size === 0) waiting.delete(id);
        };
        const wake = (): void => {
          stop();
          resolve();
        };
        const aborted = (): void => {
          stop();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason is handed on as it is
          reject(signal.reason);
        };
        const timer = setTimeout(wake, ms);
        if (signal.aborted) {
          aborted();
          return;
        }
        signal.addEventListener('abort', aborted, { once: true });
        waiting.set(id, wakes.add(wake));
        lookSoon();
      }),
  };
}
