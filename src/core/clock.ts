// Time is passed in, so that a test can hold it.

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start that never jump back: for durations. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** How long each door took, in milliseconds, in the order they were passed. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #laps: Record<string, number> = {};
  #last: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.monotonic();
  }

  /** Ends the lap of `door` now; the next one starts. */
  lap(door: string): void {
    const now = this.#clock.monotonic();
    this.add(door, now - this.#last);
    this.#last = now;
  }

  /** Counts time that was measured elsewhere. */
  add(door: string, ms: number): void {
    this.#laps[door] = Math.round(((this.#laps[door] ?? 0) + ms) * 1_000) / 1_000;
  }

  get laps(): Readonly<Record<string, number>> {
    return this.#laps;
  }
}
