// Wakes those who wait for an approval: one look at the store serves all, and only while anybody waits.
import { APPROVAL_POLL_MS } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export interface ApprovalWatch {
  /** Resolves when the approval is not pending any more, at the latest after `ms` milliseconds; rejects with the signal's reason. */
  settled(id: string, ms: number, signal: AbortSignal): Promise<void>;
}

export function watchApprovals(store: Store): ApprovalWatch {
  const waiting = new Map<string, Set<() => void>>();
  const pending = statement(queries.selectFrom('approvals').select('id').where('state', '=', 'pending'));
  let looking: NodeJS.Timeout | undefined;

  function lookSoon(): void {
    looking ??= setTimeout(() => void look(), APPROVAL_POLL_MS);
  }

  async function look(): Promise<void> {
    try {
      const ids = new Set((await store.query<{ id: string }>(pending)).map(({ id }) => id));
      for (const [id, wakes] of waiting) if (!ids.has(id)) for (const wake of wakes) wake();
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
