// Takes what is due from the outbox to its channel, again and again until the channel has it. One runs in each broker.
import type { Approval, Channel } from '../core/approval.ts';
import type { ApprovalRecords } from '../core/approval-records.ts';
import type { Clock } from '../core/clock.ts';
import { DeliveryFailed, type Delivery, type DeliveryChannel, type DeliveryRecords } from '../core/deliveries.ts';
import {
  DELIVERY_BACK_OFF_MAX_MS,
  DELIVERY_BACK_OFF_MS,
  DELIVERY_CLAIM_MS,
  DELIVERY_POLL_MS,
  MAX_DELIVERIES_AT_ONCE,
  MAX_DELIVERY_ATTEMPTS,
} from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import { Conflict, type Statement } from '../core/store.ts';

export interface DeliverOptions {
  readonly records: DeliveryRecords;
  readonly approvals: Pick<ApprovalRecords, 'find'>;
  readonly channels: Readonly<Partial<Record<Channel, DeliveryChannel>>>;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1, for the jitter. */
  random(): number;
}

/** Starts delivering. Disposing of it lets what is on its way arrive. */
export function startDelivering(options: DeliverOptions): AsyncDisposable {
  const { records, approvals, channels, log, clock, logger } = options;
  const stopped = new AbortController();

  async function round(): Promise<void> {
    const due = await records.due(clock.now(), MAX_DELIVERIES_AT_ONCE);
    await Promise.all(due.map((delivery) => attempt(delivery)));
  }

  async function attempt(found: Delivery): Promise<void> {
    const channel = channels[found.channel];
    const until = clock.now() + DELIVERY_CLAIM_MS;
    try {
      await commit(records.claimed(found, until));
    } catch (error) {
      // Another broker has it, or there is more to say.
      if (error instanceof Conflict) return;
      throw error;
    }
    const delivery: Delivery = { ...found, attempts: found.attempts + 1, dueAt: until };
    const approval = await approvals.find(delivery.approval);
    if (channel === undefined || approval === undefined) {
      await commit(records.settled(delivery, 'superseded', undefined));
      return;
    }
    try {
      const taken = await deliverTo(channel, delivery, approval);
      const superseded = taken === 'superseded';
      await commit(
        records.settled(delivery, superseded ? 'superseded' : 'delivered', superseded ? undefined : taken.handle),
      );
    } catch (error) {
      if (!(error instanceof DeliveryFailed)) throw error;
      logger.warn(
        { approval: delivery.approval, channel: delivery.channel, attempts: delivery.attempts, reason: error.message },
        'a message about an approval was not taken',
      );
      await commit(
        delivery.attempts >= MAX_DELIVERY_ATTEMPTS
          ? records.settled(delivery, 'given_up', undefined)
          : records.failed(delivery, error.message, clock.now() + delayOf(delivery.attempts, error.retryAfterMs)),
      );
    }
  }

  async function deliverTo(channel: DeliveryChannel, delivery: Delivery, approval: Approval) {
    const [request] = await records.list(delivery.approval);
    const handle = request?.part === 'request' && request.channel === delivery.channel ? request.handle : undefined;
    return channel.deliver(delivery, approval, handle);
  }

  /** Doubles with each attempt; half of it is left to chance, so that brokers and messages do not come in step. */
  function delayOf(attempts: number, askedMs: number | undefined): number {
    const most = Math.min(DELIVERY_BACK_OFF_MAX_MS, DELIVERY_BACK_OFF_MS * 2 ** (attempts - 1));
    return Math.max(askedMs ?? 0, Math.round(most * (0.5 + options.random() / 2)));
  }

  async function commit(statement: Statement): Promise<void> {
    await log.append([], [statement]);
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        await round();
      } catch (error) {
        logger.warn({ err: error }, 'messages about approvals could not be looked after; it is tried again');
      }
      await pause(DELIVERY_POLL_MS, stopped.signal);
    }
  }

  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await running;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
