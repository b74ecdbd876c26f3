// Says in the store that this broker process lives, so that the others can tell what a dead one left behind.
import type { Clock } from '../core/clock.ts';
import { BROKER_HEARTBEAT_MS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export interface PresenceOptions {
  readonly store: Store;
  readonly log: Log;
  readonly clock: Clock;
  /** Id of this broker process. */
  readonly broker: string;
  /** Of the program. */
  readonly version: string;
}

/** Writes `broker.started` now, a sign of life every BROKER_HEARTBEAT_MS, and `broker.stopped` when it is disposed of. */
export async function announceBroker({
  store,
  log,
  clock,
  broker,
  version,
}: PresenceOptions): Promise<AsyncDisposable> {
  const now = clock.now();
  const row = { id: broker, started_at: now, heartbeat_at: now, stopped_at: null };
  const started = statement(queries.insertInto('brokers').values(row), 1);
  await log.append([{ body: { type: 'broker.started', broker, version } }], [started]);

  const timer = setInterval(() => {
    const beat = queries.updateTable('brokers').set({ heartbeat_at: clock.now() }).where('id', '=', broker);
    // A store that is down tells so itself; the next beat is soon.
    store.commit({ statements: [statement(beat)] }).catch(() => undefined);
  }, BROKER_HEARTBEAT_MS).unref();

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      const stopped = queries.updateTable('brokers').set({ stopped_at: clock.now() }).where('id', '=', broker);
      await log.append([{ body: { type: 'broker.stopped', broker, version } }], [statement(stopped)]);
    },
  };
}
