// Merkle trees of RFC 6962: roots, and the checking of proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2). Pure.
// Sizes and indexes are whole numbers below 2^53; the entry with number `seq` is the leaf with index `seq - 1`.
import { hash } from 'node:crypto';

/** RFC 6962, section 2.1: the root of nothing is the hash of nothing. */
export const EMPTY_ROOT: Buffer = hash('sha256', '', 'buffer');

const PREFIX = Buffer.of(1);

/** The hash of two subtrees of which the left one is full. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([PREFIX, left, right]), 'buffer');
}

/** The root over full subtrees that stand side by side, the largest first. */
export function rootOfPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  return peaks.length === 0 ? EMPTY_ROOT : peaks.reduceRight((right, left) => nodeHash(left, right));
}

/** Whether the leaf stands at `index` in the tree of this size and root. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes([leaf, root, ...proof])) return false;
  let node = index;
  let last = size - 1;
  let computed = leaf;
  for (const hash of proof) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      computed = nodeHash(hash, computed);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else computed = nodeHash(computed, hash);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equal(computed, root);
}

/**
 * Whether the tree of `size1` is the beginning of the tree of `size2`. False for a `size1` of 0: every tree begins with
 * the empty one, so a proof of it would say nothing.
 */
export function verifyConsistency(
  size1: number,
  size2: number,
  proof: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): boolean {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) return false;
  if (size1 === size2) return proof.length === 0 && equal(root1, root2);
  if (!areHashes([root1, root2, ...proof])) return false;
  let node = size1 - 1;
  let last = size2 - 1;
  while (isOdd(node)) [node, last] = [half(node), half(last)];
  // Where the first tree is one full subtree, its root is the first step, and is left out of the proof.
  const [first, ...rest] = node === 0 ? [root1, ...proof] : proof;
  if (first === undefined) return false;
  let computed1 = first;
  let computed2 = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      computed1 = nodeHash(hash, computed1);
      computed2 = nodeHash(hash, computed2);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else computed2 = nodeHash(computed2, hash);
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equal(computed1, root1) && equal(computed2, root2);
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value.length === 32);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

/** Not a shift: those work on 32 bits. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
