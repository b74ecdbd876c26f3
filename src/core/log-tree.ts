// The port to what is kept of the log's Merkle tree: its tiles and signed checkpoints. Implemented in src/store.

/** A signed note (c2sp.org/tlog-checkpoint), and the number of entries it covers. */
export interface KeptCheckpoint {
  readonly size: number;
  readonly note: string;
}

/** 16 hashes side by side, fewer in the last tile of a level. Level 0 are the entries' leaf hashes themselves. */
export interface TreeTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Uint8Array;
}

export interface LogTree {
  /** The name of this log in its checkpoints: chosen at random when the store was made. */
  origin(): Promise<string>;
  /** The newest checkpoint; undefined before the first. */
  latest(): Promise<KeptCheckpoint | undefined>;
  /** Leaf hashes of the entries after this number, in order. */
  leaves(after: number, limit: number): Promise<readonly Uint8Array[]>;
  /** The hashes of a tile that are there; none where there is no such tile. */
  tile(level: number, index: number): Promise<Uint8Array>;
}

export interface WritableLogTree extends LogTree {
  /** Keeps tiles and checkpoint together. Conflict where a checkpoint of this size or a larger one is kept. */
  keep(checkpoint: KeptCheckpoint, tiles: readonly TreeTile[]): Promise<void>;
}
