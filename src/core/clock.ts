// Time and randomness are passed in, so that a test can hold the clock and name the ids.

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
