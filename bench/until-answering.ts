// Processes of servers under measurement.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const START_TIMEOUT_MS = 30_000;

/** Resolves once `url` answers, with `status` where it is given. Throws when the process ends first, or takes longer than half a minute. */
export async function untilAnswering(url: URL, child: ChildProcess, status?: number): Promise<void> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`the server for ${url.href} ended with ${String(child.exitCode)}`);
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined && (status === undefined || answer.status === status)) return;
    await delay(10);
  }
  throw new Error(`nothing answers at ${url.href}`);
}
