// Which call a 2025-era `notifications/cancelled` means. It arrives on a connection of its own, at any broker of the store:
// calls are found by who makes them, the session label and the JSON-RPC id, here first, and then by telling the others.
import { hash } from 'node:crypto';
import type { Cancellations } from './core/cancellations.ts';
import { CancelledByCaller } from './core/cancelled.ts';

export type RequestId = string | number;

export class RunningCalls {
  readonly #running = new Map<string, AbortController>();
  readonly #others: Cancellations | undefined;

  /** @param others how brokers of one store tell each other; left out where there is only this one */
  constructor(others?: Cancellations) {
    this.#others = others;
  }

  /** Starts following a call; dispose of what is returned when it has ended. Its signal is aborted by `cancel`. */
  start(principalKey: string, session: string, id: RequestId): Disposable & { readonly signal: AbortSignal } {
    const key = keyOf(principalKey, session, id);
    const controller = new AbortController();
    const cancel = (): void => controller.abort(new CancelledByCaller());
    // An id that is used again while its call runs means the newest one; a client must not do that.
    this.#running.set(key, controller);
    const heard = this.#others?.hear(key, cancel);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        heard?.[Symbol.dispose]();
        if (this.#running.get(key) === controller) this.#running.delete(key);
      },
    };
  }

  /**
   * Cancels the call if it runs here, and else tells the other brokers. Somebody else's is never found: the principal is part
   * of the key. Rejects with StoreError where the others could not be told.
   */
  async cancel(principalKey: string, session: string, id: RequestId): Promise<void> {
    const key = keyOf(principalKey, session, id);
    const controller = this.#running.get(key);
    if (controller === undefined) await this.#others?.tell(principalKey, key);
    else controller.abort(new CancelledByCaller());
  }
}

/** JSON keeps the id 1 apart from the id "1", and no label can imitate another's key. Hashed: an id may be of any length. */
function keyOf(principalKey: string, session: string, id: RequestId): string {
  return hash('sha256', JSON.stringify([principalKey, session, id]), 'base64url');
}
