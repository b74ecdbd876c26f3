// Holds calls and leases of this process against what is switched off: one look at the store serves all. One for each
// broker process.
import type { Clock } from '../core/clock.ts';
import type { Refusal } from '../core/errors.ts';
import type { LeaseRecord } from '../core/lease-records.ts';
import { RECALL_GRACE_MS, SWITCH_POLL_MS, SWITCH_STALE_MS } from '../core/limits.ts';
import type { Logger } from '../core/logger.ts';
import {
  concerns,
  StoppedByOperator,
  switchedOff,
  type Concerned,
  type Passage,
  type Switch,
  type SwitchRecords,
  type Switches,
  type Target,
} from '../core/switches.ts';

export interface SwitchGateOptions {
  readonly records: Pick<SwitchRecords, 'revision' | 'list' | 'recalled'>;
  readonly leases: StoppableLeases;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface StoppableLeases {
  /** Ends those of this process that `which` chooses, and stops the calls on them. What is chosen is settled before it returns. */
  stop(which: (lease: LeaseRecord) => boolean): Promise<void>;
  /** Whether this process holds the lease, and so ends it itself. */
  holds(id: string): boolean;
  /** Ends what no living broker ends. */
  sweep(): Promise<void>;
}

export interface SwitchGate extends Switches, Disposable {
  /** Reads what is switched off, and acts on it; rejects with StoreError. */
  look(): Promise<void>;
  /** What is switched off, as it was last read. */
  current(): readonly Switch[];
}

/** Reads once before it resolves. Rejects with StoreError where that fails: nobody may be let in unread. */
export async function openSwitchGate(options: SwitchGateOptions): Promise<SwitchGate> {
  const { records, leases, clock, logger } = options;
  const passages = new Set<Running>();
  let off: readonly Switch[] = [];
  let revision = -1;
  let readAt = -Infinity;
  let looking: Promise<void> | undefined;
  let sweeping: NodeJS.Timeout | undefined;

  async function read(): Promise<void> {
    const startedAt = clock.monotonic();
    // What is read after the number may be newer than it, never older.
    const found = await records.revision();
    if (found !== revision) {
      apply(await records.list(), await records.recalled());
      revision = found;
    }
    readAt = startedAt;
  }

  /** In one turn: a call that enters in this moment either is among the passages here, or sees what is set here. */
  function apply(switches: readonly Switch[], recalled: readonly LeaseRecord[]): void {
    off = switches;
    for (const passage of passages) passage.hold(off);
    const ids = new Set(recalled.map(({ id }) => id));
    const ended = leases.stop((lease) => ids.has(lease.id) || off.some((target) => concerns(target, lease)));
    ended.catch((error: unknown) => {
      logger.error({ err: error }, 'leases that were taken back could not be ended; the sweep tries again');
    });
    if (recalled.some(({ id }) => !leases.holds(id))) sweepLater();
  }

  /** Whoever holds a lease ends it at once; where nobody lives who does, another broker must. */
  function sweepLater(): void {
    clearTimeout(sweeping);
    sweeping = setTimeout(() => void leases.sweep(), RECALL_GRACE_MS + SWITCH_POLL_MS).unref();
  }

  function look(): Promise<void> {
    looking ??= read().finally(() => (looking = undefined));
    return looking;
  }

  async function known(readAnew = false): Promise<readonly Switch[]> {
    if (readAnew || clock.monotonic() - readAt > SWITCH_STALE_MS) {
      // What is being read now may have been asked for long ago.
      await looking?.catch(() => undefined);
      await look();
    }
    return off;
  }

  await look();
  const polling = setInterval(() => {
    // A store that is down lets no call begin, and is told elsewhere.
    look().catch(() => undefined);
  }, SWITCH_POLL_MS).unref();

  return {
    look,
    current: () => off,

    enter(principal, session) {
      const passage = new Running({ principal, session, backend: undefined }, known, (gone) => passages.delete(gone));
      passages.add(passage);
      return passage;
    },

    async disabledBackends(principal) {
      const switches = await known();
      const caller: Concerned = { principal, session: '', backend: undefined };
      if (switches.some((target) => concerns(target, caller))) return undefined;
      return new Set(switches.filter(({ kind }) => kind === 'backend').map(({ name }) => name));
    },

    async isBlocked({ issuer, subject }) {
      const person: Concerned = { principal: { issuer, subject, actor: '' }, session: '', backend: undefined };
      return (await known()).some((target) => target.kind === 'subject' && concerns(target, person));
    },

    [Symbol.dispose]() {
      clearInterval(polling);
      clearTimeout(sweeping);
    },
  };
}

type Known = (readAnew?: boolean) => Promise<readonly Target[]>;

/** One call, from its arrival to its reply. */
class Running implements Passage {
  #call: Concerned;
  readonly #known: Known;
  readonly #gone: (passage: Running) => void;
  readonly #stop = new AbortController();

  constructor(call: Concerned, known: Known, gone: (passage: Running) => void) {
    this.#call = call;
    this.#known = known;
    this.#gone = gone;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  reach(backend: string): void {
    this.#call = { ...this.#call, backend };
  }

  async refusal(readAnew?: boolean): Promise<Refusal | undefined> {
    const targets = await this.#known(readAnew);
    const { reason } = this.signal as { reason: unknown };
    if (reason instanceof StoppedByOperator && reason.target !== undefined) return switchedOff(reason.target);
    const found = targets.find((target) => concerns(target, this.#call));
    return found && switchedOff(found);
  }

  hold(targets: readonly Target[]): void {
    const found = targets.find((target) => concerns(target, this.#call));
    if (found !== undefined) this.#stop.abort(new StoppedByOperator(found));
  }

  [Symbol.dispose](): void {
    this.#gone(this);
  }
}
