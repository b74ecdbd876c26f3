// The port by which brokers of one store tell each other of cancellations. Implemented in src/store.

export interface Cancellations {
  /**
   * Tells every broker that the caller has cancelled this call; all know within CANCELLATION_POLL_MS of its resolving. Rejects
   * with StoreError: then nobody heard. Where this principal tells too many, it resolves and tells nobody.
   */
  tell(principalKey: string, call: string): Promise<void>;
  /** Calls `cancelled`, once, when somebody tells of this call, or has within CANCELLATION_LIFE_MS; until it is disposed of. */
  hear(call: string, cancelled: () => void): Disposable;
}
