import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leafHash } from '../../../src/core/leaf-hash.ts';
import { nodeHash, verifyConsistency, verifyInclusion, EMPTY_ROOT } from '../../../src/log/merkle.ts';
import { GrowingTree, TILE_WIDTH, consistencyProof, inclusionProof, rootAt } from '../../../src/log/tree.ts';
import type { ReadTile } from '../../../src/log/tree.ts';

const leaves = Array.from({ length: 5_000 }, (_, index) => leafHash(`leaf ${index}`));

/** RFC 6962, section 2.1, word by word. */
function rootByDefinition(of: readonly Buffer[]): Buffer {
  if (of.length === 0) return EMPTY_ROOT;
  if (of.length === 1) return of[0]!;
  let left = 1;
  while (left * 2 < of.length) left *= 2;
  return nodeHash(rootByDefinition(of.slice(0, left)), rootByDefinition(of.slice(left)));
}

/** A tree over the first `size` leaves, and its tiles as a store would hold them. */
function treeOf(size: number): { tree: GrowingTree; read: ReadTile } {
  const tree = new GrowingTree();
  for (const leaf of leaves.slice(0, size)) tree.append(leaf);
  const tiles = new Map(tree.takeChanged().map(({ level, index, hashes }) => [`${level}/${index}`, hashes]));
  const read: ReadTile = async (level, index) =>
    level === 0
      ? Buffer.concat(leaves.slice(index * TILE_WIDTH, Math.min(size, (index + 1) * TILE_WIDTH)))
      : (tiles.get(`${level}/${index}`) ?? Buffer.alloc(0));
  return { tree, read };
}

describe('the tree', () => {
  test('has the roots of RFC 6962 at every size', () => {
    const tree = new GrowingTree();
    for (let size = 0; size <= 300; size++) {
      expect(Buffer.from(tree.root()).equals(rootByDefinition(leaves.slice(0, size)))).toBe(true);
      tree.append(leaves[size]!);
    }
  });

  test('proves the inclusion of every leaf, in at most the logarithm of its size', async () => {
    for (const size of [1, 2, 3, 15, 16, 17, 255, 256, 257, 300]) {
      const { tree, read } = treeOf(size);
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, read);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(verifyInclusion(leaves[index]!, index, size, proof, tree.root())).toBe(true);
        expect(verifyInclusion(leaves[index + 1]!, index, size, proof, tree.root())).toBe(false);
      }
    }
  });

  test('proves that it only grew, for any two sizes, and that it was taken up where it was left', async () => {
    const { tree, read } = treeOf(leaves.length);
    const sizes = fc.tuple(fc.integer({ min: 1, max: leaves.length }), fc.integer({ min: 1, max: leaves.length }));
    await fc.assert(
      fc.asyncProperty(sizes, async ([a, b]) => {
        const [size1, size2] = [Math.min(a, b), Math.max(a, b)];
        const [root1, root2] = [await rootAt(size1, read), await rootAt(size2, read)];
        const proof = await consistencyProof(size1, size2, read);
        expect(verifyConsistency(size1, size2, proof, root1, root2)).toBe(true);
        if (size1 !== size2) expect(verifyConsistency(size1, size2, proof, root2, root1)).toBe(false);
        const resumed = await GrowingTree.from(size1, read);
        for (const leaf of leaves.slice(size1)) resumed.append(leaf);
        expect(Buffer.from(resumed.root()).equals(tree.root())).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('fails where a tile lacks hashes', async () => {
    await expect(inclusionProof(5, 1_000, async () => Buffer.alloc(0))).rejects.toThrow('lacks hashes');
    await expect(inclusionProof(5, 5, async () => Buffer.alloc(0))).rejects.toThrow(RangeError);
  });
});
