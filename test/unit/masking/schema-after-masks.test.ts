import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonSchema } from '../../../src/core/json.ts';
import { compiler, compileMasks, declare, looseTokens } from './support.ts';

const schemaAfter = (before: JsonSchema, ...masks: readonly unknown[]): JsonSchema | undefined =>
  compiler.schemaAfter(declare(masks).declared, before);

const rows: JsonSchema = {
  type: 'object',
  properties: {
    rows: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        properties: {
          id: { type: 'integer', title: 'Number' },
          email: { type: 'string', format: 'email', maxLength: 100 },
          tags: { type: 'array', items: { type: 'integer' } },
        },
        required: ['id', 'email', 'tags'],
        additionalProperties: false,
      },
    },
  },
  required: ['rows'],
  additionalProperties: false,
};

const itemsOf = (schema: JsonSchema | undefined): JsonObject =>
  ((schema?.['properties'] as JsonObject)['rows'] as JsonObject)['items'] as JsonObject;

describe('the schema after masks', () => {
  const unlooked = { detect: ['secrets'], with: 'off' };

  it('is the same where there are none', () => {
    expect(schemaAfter(rows, unlooked)).toBe(rows);
  });

  it('promises no form of a string that a detector may change, but a choice it leaves alone', () => {
    const before: JsonSchema = {
      type: 'object',
      properties: {
        email: { type: 'string', format: 'email', description: 'Where to write' },
        plan: { enum: ['free', 'pro'] },
        contact: { enum: ['sales@example.com'] },
        card: { type: 'integer' },
        either: { oneOf: [{ type: 'string', maxLength: 3 }, { type: 'null' }] },
      },
      required: ['email'],
      additionalProperties: false,
    };
    const after = schemaAfter(before, { detect: ['email', 'card'], with: 'mask' });
    expect(after).toEqual({
      type: 'object',
      properties: {
        email: { type: 'string', description: 'Where to write' },
        plan: { enum: ['free', 'pro'] },
        contact: {},
        card: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
        either: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      },
      required: ['email'],
      additionalProperties: false,
    });
  });

  it('has a string where a number is masked, with its title kept', () => {
    const items = itemsOf(schemaAfter(rows, { path: '$.rows[*].id', with: 'keep-last', count: 1 }, unlooked));
    expect(items['properties']).toMatchObject({ id: { type: 'string', title: 'Number' }, email: { format: 'email' } });
  });

  it('has a removed member neither as property nor as required', () => {
    const items = itemsOf(schemaAfter(rows, { path: '$..email', with: 'remove' }));
    expect(items['required']).toEqual(['id', 'tags']);
    expect(Object.keys(items['properties'] as JsonObject)).toEqual(['id', 'tags']);
  });

  it('allows both where it depends on the data', () => {
    const items = itemsOf(schemaAfter(rows, { path: '$.rows[*].tags[0]', with: 'redact' }));
    expect((items['properties'] as JsonObject)['tags']).toEqual({
      type: 'array',
      items: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
    });
  });

  it.each([
    ['$ itself is masked', '$', rows],
    ['it has references', '$.a', { type: 'object', properties: { a: { $ref: '#/$defs/a' } } }],
    ['a path does not parse', '$.', rows],
  ])('promises nothing where %s', (_name, path, before) => {
    expect(schemaAfter(before, { path, with: 'redact' })).toBeUndefined();
  });

  it('is always satisfied by what is left of a value that satisfied the schema before', () => {
    const ajv = new Ajv2020({ strict: false, formats: { email: true } });
    const satisfies = ajv.compile(rows);
    const row = fc.record({
      id: fc.oneof(fc.integer(), fc.constant(4242424242424242)),
      email: fc.constantFrom('a@b.test', '{"id":1}', 'x'),
      tags: fc.array(fc.integer(), { maxLength: 3 }),
    });
    const path = fc.constantFrom(
      '$..*',
      '$.*',
      '$.rows',
      '$.rows[*]',
      '$.rows[0]',
      '$.rows[?@.id > 0]',
      '$..id',
      '$..tags[1:]',
      '$..tags',
      '$.rows[*][*]',
      '$..[?@ == 1]',
      '$.rows[*].email.id',
      '$.rows[*].tags[-1]',
      '$.rows[*]["email", "id"]',
      '$.nothing',
    );
    const action = fc.constantFrom<JsonObject>(
      { with: 'redact' },
      { with: 'remove' },
      { with: 'hash' },
      { with: 'keep-last', count: 2 },
    );
    const mask = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(path, action).map(([at, how]) => ({ path: at, ...how })) },
      { weight: 1, arbitrary: fc.constantFrom('card', 'email').map((name) => ({ detect: [name], with: 'mask' })) },
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 3 }), fc.array(mask, { maxLength: 3 }), (value, masks) => {
        expect(satisfies({ rows: value })).toBe(true);
        const after = schemaAfter(rows, ...masks);
        const left = compileMasks(...masks).apply({ structured: { rows: value } }, looseTokens).structured;
        if (after === undefined) return;
        const check = ajv.compile(after);
        expect({ fits: check(left), left, errors: check.errors }).toMatchObject({ fits: true });
      }),
      { numRuns: 400 },
    );
  });
});
