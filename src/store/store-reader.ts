// A store opened for reading alone: for commands, which need no running broker and must change nothing.
import type { Store } from '../core/store.ts';

export interface StoreReader extends Pick<Store, 'query'>, AsyncDisposable {
  /** From here on everything is read as it is at this moment, whatever is written meanwhile. */
  hold(): Promise<void>;
}
