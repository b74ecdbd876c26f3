import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { KeyRing } from '../../../src/core/keys.ts';
import { newSalt, saltedHash, seal, unseal } from '../../../src/core/sealing.ts';

function ring(...ids: string[]): KeyRing {
  return { current: ids[0]!, keys: new Map(ids.map((id) => [id, createSecretKey(randomBytes(32))])) };
}

describe('sealing', () => {
  test('gives back what was sealed, with its salt', () => {
    const keys = ring('00000001');
    const salt = newSalt();
    const opened = unseal(keys, seal(keys, salt, 'a payload, é'));
    expect(opened.plaintext.toString()).toBe('a payload, é');
    expect(saltedHash(opened.salt, opened.plaintext)).toBe(saltedHash(salt, 'a payload, é'));
  });

  test('finds every single bit that has changed', () => {
    const keys = ring('00000001');
    const sealed = seal(keys, newSalt(), '{"arguments":{"a":1}}');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => unseal(keys, changed)).toThrow();
    }
  });

  test('finds a cut at every length', () => {
    const keys = ring('00000001');
    const sealed = seal(keys, newSalt(), 'text');
    for (let length = 0; length < sealed.length; length++) {
      expect(() => unseal(keys, sealed.subarray(0, length))).toThrow();
    }
  });

  test('opens with an older key of the ring, and names a key that is not there', () => {
    const old = ring('00000001');
    const sealed = seal(old, newSalt(), 'text');
    const rotated = { current: '00000002', keys: new Map([...ring('00000002').keys, ...old.keys]) };
    expect(unseal(rotated, sealed).plaintext.toString()).toBe('text');
    expect(() => unseal(ring('00000002'), sealed)).toThrow('key 00000001');
  });

  test('never gives the same bytes for the same text', () => {
    const keys = ring('00000001');
    expect(seal(keys, newSalt(), 'text')).not.toEqual(seal(keys, newSalt(), 'text'));
  });
});
