// The proofs of transparency-dev/merkle (Apache-2.0), where they are at hand.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from '../../../src/log/merkle.ts';

interface Case {
  name: string;
  proof: string[] | null;
  wantErr: boolean;
}
interface Consistency extends Case {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
}
interface Inclusion extends Case {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
}

const file = join(import.meta.dirname, '../../../../shared/corpora/merkle-proofs.json');
const corpus = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as { consistency: Consistency[]; inclusion: Inclusion[] })
  : undefined;
if (corpus === undefined) console.warn(`SKIPPED: no corpus of Merkle proofs at ${file}`);

const bytes = (text: string | null) => Buffer.from(text ?? '', 'base64');
const proofOf = ({ proof }: Case) => (proof ?? []).map(bytes);

describe.skipIf(corpus === undefined)('Merkle proofs of transparency-dev', () => {
  test('are all 196 there', () => {
    expect(corpus!.consistency.length + corpus!.inclusion.length).toBe(196);
  });

  test.each(corpus?.consistency ?? [])('consistency $name', (given) => {
    const { size1, size2, root1, root2 } = given;
    expect(verifyConsistency(size1, size2, proofOf(given), bytes(root1), bytes(root2))).toBe(!given.wantErr);
  });

  test.each(corpus?.inclusion ?? [])('inclusion $name', (given) => {
    const { leafHash, leafIdx, treeSize, root } = given;
    expect(verifyInclusion(bytes(leafHash), leafIdx, treeSize, proofOf(given), bytes(root))).toBe(!given.wantErr);
  });
});
