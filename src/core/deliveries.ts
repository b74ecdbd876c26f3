// What channels such as Slack are to be told of approvals: kept with the approval's own transition, delivered afterwards.
import type { Approval, Channel } from './approval.ts';
import type { Statement } from './store.ts';

/** One message about one approval. `outcome` is what became of it so far: delivered again when more has become of it. */
export interface Delivery {
  readonly approval: string;
  readonly channel: Channel;
  readonly part: 'request' | 'outcome';
  /** `superseded`: there was nothing left to say. `given_up`: it was tried MAX_DELIVERY_ATTEMPTS times. */
  readonly state: 'waiting' | 'delivered' | 'superseded' | 'given_up';
  /** Counts what it has to say: a delivery of an earlier one does not settle it. */
  readonly revision: number;
  readonly attempts: number;
  /** When it is tried next; while it is being tried, when another broker may. Milliseconds since the Unix epoch. */
  readonly dueAt: number;
  /** What the last attempt failed with. */
  readonly error: string | undefined;
  /** The channel's own word for the message, by which it can be changed. */
  readonly handle: string | undefined;
}

/** Gives what must be committed with a transition, so that no decision goes untold, whatever happens to the broker. */
export interface Outbox {
  /** @param approval as it is after the transition */
  told(approval: Approval, at: number): readonly Statement[];
}

/** The port behind which deliveries are kept. Implemented in src/store. */
export interface DeliveryRecords extends Outbox {
  /** Of one approval, the request first. */
  list(approval: string): Promise<readonly Delivery[]>;
  /** The oldest that wait and whose time has come; an outcome comes after its request. */
  due(now: number, limit: number): Promise<readonly Delivery[]>;
  /** Takes it until `until`. Conflict where another broker has it, or it has changed. */
  claimed(delivery: Delivery, until: number): Statement;
  /** Without effect where there is more to say by now. */
  settled(delivery: Delivery, state: 'delivered' | 'superseded' | 'given_up', handle: string | undefined): Statement;
  /** To be tried again at `dueAt`. Without effect where there is more to say by now. */
  failed(delivery: Delivery, error: string, dueAt: number): Statement;
  /** By which the message of this approval can be changed from now on. */
  handled(approval: string, channel: Channel, handle: string): Statement;
}

/** A way to people. */
export interface DeliveryChannel {
  /**
   * Tells people. Resolves once the channel has taken the message: with what it can be changed by, undefined where it
   * cannot; or with `superseded` where there was nothing to tell. Throws DeliveryFailed. May deliver twice where a broker
   * dies between the two.
   *
   * @param handle of the message about the same approval, where there is one
   */
  deliver(
    delivery: Delivery,
    approval: Approval,
    handle: string | undefined,
  ): Promise<{ readonly handle: string | undefined } | 'superseded'>;
}

/** The channel did not take it. The message says why, without addresses and secrets. */
export class DeliveryFailed extends Error {
  /** The channel asks to be left alone for so long. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'DeliveryFailed';
    this.retryAfterMs = retryAfterMs;
  }
}
