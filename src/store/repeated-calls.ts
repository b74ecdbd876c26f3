// Keeps identical calls from running twice, over the `calls` table: see src/core/repeated-calls.ts.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import { BROKER_SILENT_MS, UNDELIVERED_REPLY_MS } from '../core/limits.ts';
import type { Masked } from '../core/evidence.ts';
import type { Followed, RepeatedCalls } from '../core/repeated-calls.ts';
import type { Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

const POLL_INTERVAL_MS = 100;

export interface RepeatedCallsOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Id of this broker process. */
  readonly broker: string;
  /** The recorded reply of an invocation, read back from the log; undefined where it was erased. */
  recordedReply(invocation: string): Promise<JsonObject | undefined>;
  /** Turns a recorded reply into one that may leave again. */
  restore(record: JsonObject): Masked;
}

export function createRepeatedCalls(options: RepeatedCallsOptions): RepeatedCalls {
  const { store, clock, broker } = options;

  /** Replies that have reached their callers, and whose rows are being deleted: a call made right after must not meet them. */
  const leaving = new Map<string, Promise<void>>();

  async function isAlive(id: string): Promise<boolean> {
    const heartbeat = queries.selectFrom('brokers').selectAll().where('id', '=', id);
    const [row] = await store.query<{ heartbeat_at: number; stopped_at: number | null }>(statement(heartbeat));
    return row?.stopped_at === null && clock.now() - row.heartbeat_at < BROKER_SILENT_MS;
  }

  async function giveUp(invocation: string): Promise<void> {
    const lost = queries
      .updateTable('calls')
      .set({ state: 'unknown', finished_at: clock.now() })
      .where('invocation', '=', invocation)
      .where('state', '=', 'running');
    await store.commit({ statements: [statement(lost)] });
  }

  async function look(digest: string): Promise<Followed | 'running'> {
    const identical = queries.selectFrom('calls').selectAll().where('digest', '=', digest);
    const [row] = await store.query<{ invocation: string; broker: string; state: string; finished_at: number }>(
      statement(identical),
    );
    if (row === undefined) return { kind: 'none' };
    const { invocation } = row;
    const left = leaving.get(invocation);
    if (left !== undefined) {
      await left;
      return look(digest);
    }
    if (row.state === 'running') {
      if (await isAlive(row.broker)) return 'running';
      await giveUp(invocation);
      return { kind: 'lost', invocation };
    }
    if (row.finished_at < clock.now() - UNDELIVERED_REPLY_MS) return { kind: 'none' };
    const record = row.state === 'finished' ? await options.recordedReply(invocation) : undefined;
    return record === undefined
      ? { kind: 'lost', invocation }
      : { kind: 'reply', invocation, reply: options.restore(record) };
  }

  return {
    claim(digest, invocation) {
      const tooOld = clock.now() - UNDELIVERED_REPLY_MS;
      const row = { digest, invocation: invocation.id, broker, state: 'running' as const, finished_at: null };
      return [
        statement(queries.deleteFrom('calls').where('finished_at', '<', tooOld)),
        statement(
          queries
            .insertInto('calls')
            .values(row)
            .onConflict((conflict) => conflict.doNothing()),
          1,
        ),
      ];
    },

    finish(invocation) {
      const finished = { state: 'finished' as const, finished_at: clock.now() };
      return statement(queries.updateTable('calls').set(finished).where('invocation', '=', invocation));
    },

    // Whatever its state: a broker that took this one for dead may have given the call up.
    release: (invocation) => statement(queries.deleteFrom('calls').where('invocation', '=', invocation)),

    abandon(invocation) {
      return statement(
        queries.deleteFrom('calls').where('invocation', '=', invocation).where('state', '=', 'running'),
        1,
      );
    },

    delivered(invocation) {
      const row = queries.deleteFrom('calls').where('invocation', '=', invocation);
      const left = store
        .commit({ statements: [statement(row)] })
        .then(ignore, ignore)
        .finally(() => leaving.delete(invocation));
      leaving.set(invocation, left);
    },

    async follow(digest, signal) {
      for (;;) {
        const found = await look(digest);
        if (found !== 'running') return found;
        await delay(POLL_INTERVAL_MS, undefined, { signal });
      }
    },
  };
}

function ignore(): void {
  // A row that stays costs a repeated reply within the next minutes; a store that is down is told elsewhere.
}
