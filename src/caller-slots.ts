// Bounds how many calls of one principal run at once.
import { MAX_CONCURRENT_CALLS_PER_PRINCIPAL } from './core/limits.ts';

export class CallerSlots {
  readonly #running = new Map<string, number>();

  /** A place among the principal's running calls, to be disposed of; undefined when all are taken. */
  take(principalKey: string): Disposable | undefined {
    const running = this.#running.get(principalKey) ?? 0;
    if (running >= MAX_CONCURRENT_CALLS_PER_PRINCIPAL) return undefined;
    this.#running.set(principalKey, running + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#running.get(principalKey) ?? 1) - 1;
        if (left === 0) this.#running.delete(principalKey);
        else this.#running.set(principalKey, left);
      },
    };
  }
}
