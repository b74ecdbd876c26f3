// Keeps a credential alive that ends sooner than its lease, and says when that failed.
import type { Clock } from '../core/clock.ts';

/** A credential is renewed when this part of what is left of its life has passed. */
const PART = 2 / 3;
const RENEW_TIMEOUT_MS = 10_000;
/** Between two attempts, and what must be left of a credential for another one. */
const MIN_WAIT_MS = 250;

export interface Renewal {
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch, as are all times here. */
  readonly endsAt: number;
  /** When the lease ends: nothing is renewed beyond. */
  readonly until: number;
  renew(signal: AbortSignal): Promise<number>;
  /** It now lives so long. Rejects where that could not be recorded. */
  renewed(endsAt: number): Promise<void>;
  /** An attempt failed; there may be another. */
  failed(error: unknown): void;
  /** It is about to end. Called once, and never after disposal. */
  lapsed(): void;
}

/** Starts at once. Disposing of it ends it. */
export function keepRenewed(renewal: Renewal): Disposable {
  const { clock, until } = renewal;
  const disposed = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const wait = (ms: number, then: () => void): void => {
    if (!disposed.signal.aborted) timer = setTimeout(then, ms).unref();
  };
  const next = (endsAt: number): void => {
    if (endsAt >= until) return;
    const left = endsAt - clock.now();
    if (left <= MIN_WAIT_MS) wait(Math.max(left, 0), () => renewal.lapsed());
    else wait(Math.max(left * PART, MIN_WAIT_MS), () => void attempt(endsAt));
  };
  const attempt = async (endsAt: number): Promise<void> => {
    let now = endsAt;
    try {
      const timeout = AbortSignal.timeout(RENEW_TIMEOUT_MS);
      const renewedTo = await renewal.renew(AbortSignal.any([disposed.signal, timeout]));
      if (renewedTo > endsAt) await renewal.renewed(renewedTo);
      now = renewedTo;
    } catch (error) {
      if (!disposed.signal.aborted) renewal.failed(error);
    }
    next(now);
  };
  next(renewal.endsAt);

  return {
    [Symbol.dispose]() {
      disposed.abort();
      clearTimeout(timer);
    },
  };
}
