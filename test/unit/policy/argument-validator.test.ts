import { describe, expect, test } from 'vitest';
import type { Json, JsonObject, JsonSchema } from '../../../src/core/json.ts';
import { argumentValidators } from '../../../src/policy/argument-validator.ts';

const validatorOf = (list: JsonSchema) =>
  argumentValidators()({ type: 'object', properties: { list: { type: 'array', ...list } } });

describe('arguments', () => {
  test('are told of every mistake, and of the first alone where there could be half a million', () => {
    const validate = validatorOf({ items: { type: 'object', required: ['a', 'b'] } });
    expect(validate({ list: [{ a: 1, b: 2 }, { a: 1 }, {}] })).toEqual([
      'list.1.b: missing',
      'list.2.a: missing',
      'list.2.b: missing',
    ]);
    expect(validate({ list: Array<Json>(20_000).fill({}) })).toEqual(['list.0.a: missing']);
    expect(validate({ list: Array<Json>(20_000).fill({ a: 1, b: 2 }) })).toEqual([]);
  });
});

describe('items that must differ', () => {
  const validate = validatorOf({ uniqueItems: true });

  test.each<[string, readonly Json[]]>([
    [
      'objects whose keys stand in another order',
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
    ],
    ['lists', [[1, null], 'x', [1, null]]],
    ['numbers that are written otherwise', [0, -0]],
  ])('do not where they are equal: %s', (_what, list) => {
    expect(validate({ list })).toEqual(['list: must NOT have duplicate items']);
  });

  test('do where they are not', () => {
    expect(validate({ list: [1, '1', true, 'true', null, 'null', [], {}, [[]], { a: [] }, ''] })).toEqual([]);
    expect(validatorOf({ uniqueItems: false })({ list: [1, 1] })).toEqual([]);
  });

  test('are each looked at once, not held against every other', () => {
    let looks = 0;
    const list = Array.from({ length: 1_000 }, (_, n): JsonObject => {
      return Object.defineProperty({}, 'n', { enumerable: true, get: () => (looks++, n) });
    });
    expect(validate({ list })).toEqual([]);
    expect(looks).toBeLessThan(3_000);
  });
});
