import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  formatVerifier,
  openCheckpoint,
  parseVerifier,
  signCheckpoint,
  verifierOf,
} from '../../../src/log/signed-note.ts';

const key = generateKeyPairSync('ed25519');
const origin = 'sallyport/0011223344556677';
const verifier = verifierOf(origin, key.publicKey);
const checkpoint = { origin, size: 15_368_405, root: Buffer.alloc(32, 7) };

describe('a checkpoint', () => {
  test('is a C2SP signed note', () => {
    const note = signCheckpoint(checkpoint, key);
    const lines = note.split('\n');
    expect(lines.slice(0, 4)).toEqual([origin, '15368405', checkpoint.root.toString('base64'), '']);
    expect(lines[4]).toMatch(/^— sallyport\/0011223344556677 [A-Za-z0-9+/]{91}=$/);
    expect(openCheckpoint(note, [verifier])).toEqual(checkpoint);
  });

  test('of the specification opens with the key of the specification', () => {
    // c2sp.org/signed-note and golang.org/x/mod/sumdb/note: the example key and note of the Go package.
    const example = parseVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    expect(formatVerifier(example)).toBe('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  });

  test('is refused with any bit of it changed', () => {
    const note = Buffer.from(signCheckpoint(checkpoint, key));
    for (let bit = 0; bit < note.length * 8; bit++) {
      const changed = Buffer.from(note);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openCheckpoint(changed.toString('utf8'), [verifier])).toThrow();
    }
  });

  test('is refused when signed by another key, or for another log', () => {
    const other = generateKeyPairSync('ed25519');
    expect(() => openCheckpoint(signCheckpoint(checkpoint, other), [verifier])).toThrow('known key');
    expect(() => openCheckpoint(signCheckpoint({ ...checkpoint, origin: 'other' }, key), [verifier])).toThrow(
      'known key',
    );
  });

  test('of before a rotation opens while the old key is known', () => {
    const next = generateKeyPairSync('ed25519');
    const note = signCheckpoint(checkpoint, key);
    expect(openCheckpoint(note, [verifierOf(origin, next.publicKey), verifier])).toEqual(checkpoint);
  });

  test('has verifier keys that can be written down and read again', () => {
    const text = formatVerifier(verifier);
    expect(openCheckpoint(signCheckpoint(checkpoint, key), [parseVerifier(text)])).toEqual(checkpoint);
    expect(() => parseVerifier(text.replace('sallyport/', 'sallyport-'))).toThrow('does not fit');
    expect(() => parseVerifier('nonsense')).toThrow('not a verifier key');
  });
});
