import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, rememberCanonical, sortedKeys } from '../../../src/core/canonical-json.ts';
import type { Json, JsonObject } from '../../../src/core/json.ts';

function double(hex: string): number {
  return Buffer.from(hex, 'hex').readDoubleBE();
}

describe('canonical JSON', () => {
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
  ])('prints the number %s as RFC 8785 appendix B does', (hex, text) => {
    expect(canonicalJson(double(hex))).toBe(text);
  });

  test('sorts keys by UTF-16 code units, as RFC 8785 section 3.2.3 shows', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(Array.from(text.matchAll(/"([^"]+)"/g), ([, key]) => JSON.parse(`"${key!}"`) as string)).toEqual([
      '\r',
      '1',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\ud83d\ude00',
      '\ufb33',
    ]);
  });

  test.each([2, 24, 25, 60])('sorts %i keys as it sorts few', (count) => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: count, maxLength: count }), (keys) => {
        const object = Object.fromEntries(keys.map((key) => [`k${key}`, 0]));
        expect(sortedKeys(object)).toEqual(Object.keys(object).sort());
      }),
      { numRuns: 30 },
    );
  });

  test('of what is remembered is the same, and that cannot change any more', () => {
    const facts = { groups: ['b', 'a'], claims: { z: 1, a: { y: null, x: 'é' } } };
    const text = canonicalJson({ facts });
    const remembered = rememberCanonical(facts);
    expect(canonicalJson({ facts: remembered })).toBe(text);
    expect(() => remembered.groups.push('c')).toThrow(TypeError);
    expect(() => (remembered.claims.a.x = 'e')).toThrow(TypeError);
  });

  test('escapes strings as RFC 8785 section 3.2.2.2 shows', () => {
    expect(canonicalJson('\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"/')).toBe('"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  });

  test.each([
    ['NaN', NaN],
    ['infinity', Infinity],
    ['a lone surrogate', 'a\udeadb'],
    ['a lone surrogate in a key', { 'a\ud800': 1 }],
    ['undefined', { a: undefined }],
    ['a bigint', 1n],
    ['an instance of a class', new Date(0)],
    ['a map', new Map([['a', 1]])],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value as unknown as Json)).toThrow(TypeError);
  });

  test('keeps an own key named __proto__', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"a":1}}') as Json)).toBe('{"__proto__":{"a":1}}');
  });

  test('means the same as the value it was made from, whatever the order of keys', () => {
    const value = fc.jsonValue({ maxDepth: 2, stringUnit: 'binary' });
    fc.assert(
      fc.property(value, (sample) => {
        const json = sample as Json;
        expect(canonicalJson(reversed(json))).toBe(canonicalJson(json));
        expect(JSON.parse(canonicalJson(json))).toEqual(JSON.parse(JSON.stringify(json)));
      }),
      { numRuns: 50 },
    );
  });
});

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => reversed(item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as JsonObject).toReversed();
  return Object.fromEntries(entries.map(([key, item]) => [key, reversed(item)]));
}
