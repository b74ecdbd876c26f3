import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { implementations } from '../../../src/cli/implementations.ts';
import { throwawayKeys } from '../../../src/cli/policy-place.ts';
import { policyJsonSchema } from '../../../src/policy/json-schema.ts';
import { SOUND } from '../../support/policy-doubles.ts';

const POLICIES = join(import.meta.dirname, '../../../policies');
const published = JSON.parse(readFileSync(join(POLICIES, 'schema.json'), 'utf8')) as object;
const fits = new Ajv2020({ strict: false, allErrors: true }).compile(published);

it('the published schema is what the program reads (npm run schema writes it)', async () => {
  await using parts = implementations(throwawayKeys());
  expect(published).toEqual(policyJsonSchema(parts));
});

it.each(readdirSync(POLICIES).filter((name) => name.endsWith('.yaml')))('the published schema accepts %s', (name) => {
  fits(parse(readFileSync(join(POLICIES, name), 'utf8')));
  expect(fits.errors).toBeNull();
});

it.each([
  ['an unknown kind', SOUND],
  ['an unknown key of a rule', 'version: 1\nrules: [{ id: a, effect: deny, tools: [b], whne: x }]'],
  ['an unknown mask', 'version: 1\ntools: { a: { backend: b, sql: x, mask: [{ path: $.a, with: paint }] } }'],
  ['an argument that is none', 'version: 1\ntools: { a: { backend: b, sql: x, input: { c: { type: text } } } }'],
])('the published schema refuses %s', (_, text) => {
  expect(fits(parse(text))).toBe(false);
});
