// Everything of a log that can be proved, read from front to back: from a store, or from an exported file.
import type { KeptCheckpoint } from './log-tree.ts';

/** An entry with what stands beside it, as it was found: nothing of it is trusted. */
export interface FoundEntry {
  readonly seq: number;
  readonly text: string;
  /** The leaf hash that is kept with it; an exported file has none. */
  readonly leaf: Uint8Array | undefined;
  readonly sealed: Uint8Array | undefined;
}

export interface LogCopy {
  origin(): Promise<string>;
  /** In the order they are found. */
  entries(): AsyncIterable<FoundEntry>;
  /** By size. */
  checkpoints(): AsyncIterable<KeptCheckpoint>;
  /** Numbers under which a payload is kept, and no entry. */
  strayPayloads(): Promise<readonly number[]>;
  /** What is kept of the tree; undefined where there is none, as in an exported file. */
  readonly tree: KeptTree | undefined;
  /** Whether the broker process was heard of lately. */
  isAlive(broker: string, now: number): Promise<boolean>;
}

export interface KeptTree {
  /** How many tiles are kept. */
  count(): Promise<number>;
  /** The hashes of a tile of level 1 or above; none where there is no such tile. */
  tile(level: number, index: number): Promise<Uint8Array>;
}
