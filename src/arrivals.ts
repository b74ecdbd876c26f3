// What comes before the doors: how many calls of one principal run at once, which session a call is of, and the end of all
// of them when the broker stops.
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { CallRecord, type RecordPorts } from './call-record.ts';
import { CallerSlots } from './caller-slots.ts';
import type { Call, Reply } from './core/broker.ts';
import { Stopwatch, type Clock } from './core/clock.ts';
import { bounded } from './core/deadline.ts';
import { refuse } from './core/errors.ts';
import type { Invocation } from './core/invocation.ts';
import { STOP_GRACE_MS } from './core/limits.ts';
import type { PolicySet } from './core/policy.ts';
import type { Sessions } from './core/session.ts';
import { uuidv7 } from './core/uuid.ts';

export interface ArrivalPorts extends Omit<RecordPorts, 'closing'> {
  readonly clock: Clock;
  readonly sessions: Sessions;
  /** The policy set in force now; one call sees one set throughout. */
  policies(): PolicySet;
}

export class Arrivals {
  readonly #ports: ArrivalPorts;
  readonly #slots = new CallerSlots();
  /** Principals whose calls above the limit are in the log already. */
  readonly #floods = new LRUCache<string, true>({ max: 1_000, ttl: 60_000 });
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<Reply>>();
  #draining = false;

  constructor(ports: ArrivalPorts) {
    this.#ports = ports;
  }

  /** Aborted when the broker stops, and calls that still run must. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Gives the call an id and a session, and lets it through to `doors`, where there is room for it. */
  take(call: Call, doors: (invocation: Invocation, watch: Stopwatch) => Promise<Reply>): Promise<Reply> {
    const reply = this.#arrive(call, doors);
    this.#running.add(reply);
    const gone = (): void => void this.#running.delete(reply);
    reply.then(gone, gone);
    return reply;
  }

  async #arrive(call: Call, doors: (invocation: Invocation, watch: Stopwatch) => Promise<Reply>): Promise<Reply> {
    const { clock, sessions } = this.#ports;
    const watch = new Stopwatch(clock);
    watch.add('identify', call.identifyMs);
    const { principal, tool } = call;
    const arrivedAt = clock.now();
    // Before anything is looked up or written: who makes too many calls must not cost the others more than this.
    using slot = this.#slots.take(principal.key);
    if (slot === undefined) return await this.#tooMany(call, arrivedAt, watch);
    const session = await bounded(sessions.current(principal, call.sessionLabel)).catch(
      (error: unknown) => error as Error,
    );
    const invocation: Invocation = {
      id: uuidv7(arrivedAt),
      session: typeof session === 'string' ? session : '',
      principal,
      tool,
      arguments: call.arguments,
      arrivedAt,
    };
    if (typeof session !== 'string') return this.#record(invocation, watch).unlogged(session);
    if (this.#draining) return await this.#record(invocation, watch).refused(refuse('shutting_down'));
    return await doors(invocation, watch);
  }

  /** The log tells of one a minute, without its arguments: a flood of them must not fill the store for the others. */
  async #tooMany({ principal, tool }: Call, arrivedAt: number, watch: Stopwatch): Promise<Reply> {
    const invocation = { id: uuidv7(arrivedAt), session: '', principal, tool, arguments: {}, arrivedAt };
    const record = this.#record(invocation, watch);
    if (this.#floods.has(principal.key)) return record.dropped(refuse('too_many_calls'));
    this.#floods.set(principal.key, true);
    return record.refused(refuse('too_many_calls', { detail: 'more within the minute are not written down' }));
  }

  #record(invocation: Invocation, watch: Stopwatch): CallRecord {
    const { version, tools } = this.#ports.policies();
    return new CallRecord(
      { ...this.#ports, closing: this.closing },
      invocation,
      version,
      watch,
      tools.get(invocation.tool),
    );
  }

  /** Refuses new calls, lets running ones finish for `graceMs`, then stops them. Resolves when none runs any more. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    await Promise.race([Promise.allSettled(this.#running), delay(graceMs, undefined, { ref: false })]);
    this.#closing.abort();
    await Promise.race([Promise.allSettled(this.#running), delay(STOP_GRACE_MS, undefined, { ref: false })]);
  }
}
