// A growing Merkle tree, kept in tiles: runs of 16 hashes. A tile of level L holds roots of full subtrees of 16^L leaves;
// tiles of level 0 are the leaf hashes themselves, which stand in the entries. Pure.
import type { TreeTile } from '../core/log-tree.ts';
import { nodeHash, rootOfPeaks } from './merkle.ts';

export const TILE_WIDTH = 16;
const TILE_HEIGHT = 4;
const HASH_BYTES = 32;

/** Where tiles are read from: the hashes that are there, at least those of the tree's size. */
export type ReadTile = (level: number, index: number) => Promise<Uint8Array>;

/** The right edge of a tree: all that is needed to let it grow and to say its root. */
export class GrowingTree {
  #size = 0;
  /** By level, the hashes of its last tile, fewer than 16. */
  readonly #edge: Buffer[][] = [];
  #changed = new Map<string, TreeTile>();

  get size(): number {
    return this.#size;
  }

  /** Takes up a tree of this size where it was left. */
  static async from(size: number, read: ReadTile): Promise<GrowingTree> {
    const tree = new GrowingTree();
    tree.#size = size;
    for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
      const held = count % TILE_WIDTH;
      const hashes = held === 0 ? [] : split(await read(level, Math.floor(count / TILE_WIDTH)));
      if (hashes.length < held) throw new Error(`the tile ${level}/${Math.floor(count / TILE_WIDTH)} lacks hashes`);
      tree.#edge[level] = hashes.slice(0, held);
    }
    return tree;
  }

  append(leaf: Uint8Array): void {
    let hash: Buffer = Buffer.from(leaf);
    let index = this.#size++;
    for (let level = 0; ; level++) {
      const edge = (this.#edge[level] ??= []);
      edge.push(hash);
      index = Math.floor(index / TILE_WIDTH);
      if (level > 0) this.#changed.set(`${level}/${index}`, { level, index, hashes: Buffer.concat(edge) });
      if (edge.length < TILE_WIDTH) return;
      hash = rootOfFull(edge);
      edge.length = 0;
    }
  }

  root(): Uint8Array {
    return rootOfPeaks(this.#edge.toReversed().flatMap(peaksOf));
  }

  /** The tiles of level 1 and above that changed since it was last asked. */
  takeChanged(): readonly TreeTile[] {
    const changed = [...this.#changed.values()];
    this.#changed = new Map();
    return changed;
  }
}

/** RFC 6962, section 2.1.1. `index` below `size`. Reads a handful of tiles, however large the tree. */
export async function inclusionProof(index: number, size: number, read: ReadTile): Promise<Uint8Array[]> {
  if (index >= size) throw new RangeError(`leaf ${index} is not in a tree of size ${size}`);
  return pathOf(index, 0, size, remembering(read));
}

/** RFC 6962, section 2.1.2: that the tree of `size1` is the beginning of the tree of `size2`. Both above 0. */
export async function consistencyProof(size1: number, size2: number, read: ReadTile): Promise<Uint8Array[]> {
  if (size1 < 1 || size1 > size2)
    throw new RangeError(`a tree of size ${size1} is not the beginning of one of ${size2}`);
  return subproofOf(size1, 0, size2, true, remembering(read));
}

/** The root of the tree at this size. */
export async function rootAt(size: number, read: ReadTile): Promise<Uint8Array> {
  return (await GrowingTree.from(size, read)).root();
}

async function pathOf(index: number, start: number, size: number, read: ReadTile): Promise<Uint8Array[]> {
  if (size === 1) return [];
  const left = leftSize(size);
  // Tiles are asked for together: in a store each one is a way there and back.
  const [path, sibling] = await Promise.all(
    index < left
      ? [pathOf(index, start, left, read), rangeRoot(start + left, size - left, read)]
      : [pathOf(index - left, start + left, size - left, read), rangeRoot(start, left, read)],
  );
  return [...path, sibling];
}

async function subproofOf(
  m: number,
  start: number,
  size: number,
  whole: boolean,
  read: ReadTile,
): Promise<Uint8Array[]> {
  if (m === size) return whole ? [] : [await rangeRoot(start, size, read)];
  const left = leftSize(size);
  return m <= left
    ? [...(await subproofOf(m, start, left, whole, read)), await rangeRoot(start + left, size - left, read)]
    : [...(await subproofOf(m - left, start + left, size - left, false, read)), await rangeRoot(start, left, read)];
}

/** The root over `size` leaves from `start`, which is a multiple of the largest power of two below or at `size`. */
async function rangeRoot(start: number, size: number, read: ReadTile): Promise<Uint8Array> {
  const peaks: Promise<Uint8Array>[] = [];
  while (size > 0) {
    const full = 2 ** Math.floor(Math.log2(size));
    peaks.push(fullRoot(start, full, read));
    start += full;
    size -= full;
  }
  return rootOfPeaks(await Promise.all(peaks));
}

async function fullRoot(start: number, size: number, read: ReadTile): Promise<Uint8Array> {
  const height = Math.log2(size);
  const level = Math.floor(height / TILE_HEIGHT);
  const count = 2 ** (height % TILE_HEIGHT);
  const first = start / TILE_WIDTH ** level;
  const hashes = split(await read(level, Math.floor(first / TILE_WIDTH)));
  const at = first % TILE_WIDTH;
  if (hashes.length < at + count) throw new Error(`the tile ${level}/${Math.floor(first / TILE_WIDTH)} lacks hashes`);
  return rootOfFull(hashes.slice(at, at + count));
}

/** The largest power of two below `size`. */
function leftSize(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1);
}

function rootOfFull(hashes: readonly Buffer[]): Buffer {
  let row = hashes;
  while (row.length > 1) row = pairs(row);
  return row[0] ?? Buffer.alloc(0);
}

/** `row` has an even number of hashes. */
function pairs(row: readonly Buffer[]): Buffer[] {
  return row.flatMap((hash, index) => (index % 2 === 1 ? [nodeHash(row[index - 1] ?? hash, hash)] : []));
}

/** Fewer than 16 hashes as roots of full subtrees, the largest first. */
function peaksOf(hashes: readonly Buffer[]): Buffer[] {
  const peaks: Buffer[] = [];
  let at = 0;
  for (let count = TILE_WIDTH / 2; count >= 1; count /= 2) {
    if ((hashes.length & count) === 0) continue;
    peaks.push(rootOfFull(hashes.slice(at, at + count)));
    at += count;
  }
  return peaks;
}

function split(bytes: Uint8Array): Buffer[] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(whole.length / HASH_BYTES) }, (_, index) =>
    whole.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
}

/** A proof needs several hashes of one tile. */
function remembering(read: ReadTile): ReadTile {
  const tiles = new Map<string, Promise<Uint8Array>>();
  return (level, index) => {
    const name = `${level}/${index}`;
    const tile = tiles.get(name) ?? read(level, index);
    tiles.set(name, tile);
    return tile;
  };
}
