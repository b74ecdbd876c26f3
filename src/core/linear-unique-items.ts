// The keyword `uniqueItems` for Ajv, in linear time: its own compares every item with every other, so that one list of objects
// could hold the whole broker.
import type { FuncKeywordDefinition } from 'ajv';
import { canonicalJson } from './canonical-json.ts';
import type { Json } from './json.ts';

/** To be added to an Ajv after its own has been removed. */
export const linearUniqueItems: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  error: { message: 'must NOT have duplicate items' },
  validate: (unique: boolean, items: readonly Json[]) =>
    !unique || new Set(items.map(canonicalJson)).size === items.length,
};
