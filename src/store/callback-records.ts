// The `callbacks` table: what has called back once, on any broker, is not listened to again.
import { Conflict, type Store } from '../core/store.ts';
import { queries, statement } from './queries.ts';

export interface CallbackRecords {
  /**
   * Whether this is the first time the callback is seen; from now on it is not.
   *
   * @param until when it would be refused for its age anyway, in milliseconds since the Unix epoch
   */
  isFirst(signature: string, now: number, until: number): Promise<boolean>;
}

export function createCallbackRecords(store: Store): CallbackRecords {
  return {
    async isFirst(signature, now, until) {
      const forgotten = statement(queries.deleteFrom('callbacks').where('until', '<', now));
      const seen = queries
        .insertInto('callbacks')
        .values({ signature, until })
        .onConflict((conflict) => conflict.doNothing());
      try {
        await store.commit({ statements: [forgotten, statement(seen, 1)] });
        return true;
      } catch (error) {
        if (error instanceof Conflict) return false;
        throw error;
      }
    },
  };
}
