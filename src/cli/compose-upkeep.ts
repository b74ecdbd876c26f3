// The part of the composition root that tidies up behind the calls, while the broker runs.
import { setTimeout as delay } from 'node:timers/promises';
import type { KeyRing, Keys } from '../core/keys.ts';
import { RETENTION_INTERVAL_MS, REWRAP_RETRY_MS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import type { Store } from '../core/store.ts';
import type { Erasures } from '../log/erasures.ts';
import { ROTATABLE } from '../store/key-rotation.ts';
import { rewrap } from '../store/rewrap.ts';

interface Shared {
  readonly store: Store;
  readonly log: Log;
  readonly keys: Pick<Keys, 'payload' | 'tokenSealing'>;
  readonly logger: Logger;
}

/** Seals anew what older keys have sealed, until nothing is left of it; disposing of it stops that where it is. */
export function startRewrapping(shared: Shared): AsyncDisposable {
  const stopped = new AbortController();
  const running = Promise.all([
    keepTrying(shared, 'payload', shared.keys.payload, stopped.signal),
    keepTrying(shared, 'token-sealing', shared.keys.tokenSealing, stopped.signal),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await running;
    },
  };
}

/** Erases what retention rules are about, now and every RETENTION_INTERVAL_MS. */
export function startRetaining({ erasures, logger }: { erasures: Erasures; logger: Logger }): AsyncDisposable {
  let running: Promise<unknown> = Promise.resolve();
  const retain = (): void => {
    running = erasures.retain().then(
      (count) => {
        if (count > 0) logger.info({ count }, 'payloads erased by retention rules');
      },
      (error: unknown) => logger.warn({ err: error }, 'retention rules could not be followed; it is tried again'),
    );
  };
  retain();
  const timer = setInterval(retain, RETENTION_INTERVAL_MS).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}

async function keepTrying(
  { store, log, logger }: Shared,
  purpose: 'payload' | 'token-sealing',
  ring: KeyRing,
  signal: AbortSignal,
): Promise<void> {
  // With one key there is nothing to seal anew.
  while (ring.keys.size > 1 && !signal.aborted) {
    try {
      const { count, unreadable } = await rewrap(store, ROTATABLE[purpose].sealed, ring, signal);
      if (count > 0) await log.append([{ body: { type: 'key.rewrapped', purpose, key: ring.current, count } }]);
      if (unreadable > 0) logger.error({ purpose, unreadable }, 'what no key opens was left as it is');
      else logger.info({ purpose, count }, `nothing needs the older keys: sallyport keys retire ${purpose}`);
      return;
    } catch (error) {
      logger.warn({ err: error, purpose }, 'not everything could be sealed anew; it is tried again');
      await delay(REWRAP_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
