// Bounds a wait on something that may never answer. What is waited for is not stopped: pass it a signal for that.
import { LOG_HANG_MS } from './limits.ts';

/**
 * Settles as `promise` does, unless `signal` is aborted and `graceMs` more milliseconds pass first: then it rejects with the
 * signal's reason. A value that comes after that goes to `late`, a rejection nowhere.
 */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  { graceMs = 0, late }: { graceMs?: number; late?: (value: T) => void } = {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let abandoned = false;
    const abandon = (): void => {
      abandoned = true;
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason is handed on as it is
      reject(signal.reason);
    };
    const aborted = (): void => {
      timer = setTimeout(abandon, graceMs);
    };
    const settled = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
    };
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
    promise.then(
      (value) => {
        settled();
        if (abandoned) late?.(value);
        else resolve(value);
      },
      (error: unknown) => {
        settled();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it is
        reject(error);
      },
    );
  });
}

export interface FirstOf extends Disposable {
  readonly signal: AbortSignal;
  /** One more source, from now on. */
  add(source: AbortSignal | undefined): void;
}

/**
 * A signal that is aborted with the first of `sources`, and for its reason; or with a TimeoutError when `timeoutMs` have passed.
 * Dispose of it once nobody waits on it any more. AbortSignal.any leaves that to the garbage collector, which then works more
 * on signals than on all else in a call.
 */
export function firstOf(sources: readonly (AbortSignal | undefined)[], timeoutMs?: number): FirstOf {
  const controller = new AbortController();
  const abort = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          controller.abort(new DOMException('The time is up', 'TimeoutError'));
        }, timeoutMs).unref();
  const heeded: AbortSignal[] = [];
  const add = (source: AbortSignal | undefined): void => {
    if (source === undefined) return;
    if (source.aborted) {
      controller.abort(source.reason);
      return;
    }
    source.addEventListener('abort', abort);
    heeded.push(source);
  };
  sources.forEach(add);
  return {
    signal: controller.signal,
    add,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      for (const source of heeded) source.removeEventListener('abort', abort);
    },
  };
}

/** Settles as `promise` does, or rejects with `late()` after `ms` milliseconds. */
export function within<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(late());
    }, ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it is
        reject(error);
      },
    );
  });
}

/** Nobody knows what became of what was waited for. */
class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** For waits on the log and the store: they keep their own deadline; this holds when they do not. */
export function bounded<T>(promise: Promise<T>): Promise<T> {
  return within(promise, LOG_HANG_MS, () => new NoAnswer('the log did not answer'));
}
