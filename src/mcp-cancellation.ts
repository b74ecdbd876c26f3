// Which call a 2025-era `notifications/cancelled` means. It arrives on a connection of its own, so calls that run in
// this process are found by who makes them, the session label and the JSON-RPC id.

import { CancelledByCaller } from './core/cancelled.ts';

export type RequestId = string | number;

export class RunningCalls {
  readonly #running = new Map<string, AbortController>();

  /** Starts following a call; dispose of what is returned when it has ended. Its signal is aborted by `cancel`. */
  start(principalKey: string, session: string, id: RequestId): Disposable & { readonly signal: AbortSignal } {
    const key = keyOf(principalKey, session, id);
    const controller = new AbortController();
    // An id that is used again while its call runs means the newest one; a client must not do that.
    this.#running.set(key, controller);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        if (this.#running.get(key) === controller) this.#running.delete(key);
      },
    };
  }

  /** Whether such a call was running here. Somebody else's is never found: the principal is part of the key. */
  cancel(principalKey: string, session: string, id: RequestId): boolean {
    const controller = this.#running.get(keyOf(principalKey, session, id));
    controller?.abort(new CancelledByCaller());
    return controller !== undefined;
  }
}

/** JSON keeps the id 1 apart from the id "1", and no label can imitate another's key. */
function keyOf(principalKey: string, session: string, id: RequestId): string {
  return JSON.stringify([principalKey, session, id]);
}
