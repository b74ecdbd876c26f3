// The port that tells which session a call belongs to: what is replayed, and what a session lease lives for.
import type { Principal } from './principal.ts';

export interface Sessions {
  /**
   * Id (UUIDv7) of the principal's running session of this label; a new one where there is none, or where it has ended
   * (SESSION_IDLE_MS without a call, SESSION_MAX_MS in all). The same for every broker on one store. Rejects with StoreError.
   */
  current(principal: Principal, label: string | undefined): Promise<string>;
}
