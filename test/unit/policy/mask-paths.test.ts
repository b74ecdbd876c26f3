// Mask paths as people write them, through the whole loading of policies: what the RFC 9535 reads is masked as it says, and
// what it does not is refused with its place. No path is a mask that silently matches nothing.
import { query } from 'json-p3';
import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { PolicyDirectory, SOUND } from '../../support/policy-doubles.ts';

const RESULT: JsonObject = {
  email: 'a@b.example',
  a: { email: 'c@d.example', n: 1 },
  rows: [{ a: 1, email: 'e@f.example' }, { email: 'g@h.example' }, { a: null, 'e mail': 'i@j.example' }],
};
const NO_TOKENS = { tokenFor: () => 'none' };

async function load(path: string) {
  using directory = new PolicyDirectory();
  directory.write('a.yaml', SOUND.replace('$.secret', JSON.stringify(path)));
  const { policies } = await directory.load();
  return { mask: policies?.tools.get('refund')?.mask, problems: await directory.problems() };
}

test.each([
  '$[?@.a]',
  '$.rows[?@.a]',
  '$.rows[?@.a == 1].email',
  '$..[?@.email].email',
  '$["email"]',
  "$['em\\u0061il']",
  '$["\\u0065mail"]',
  '$ .email',
  '$\n.email',
  '$\t["email"]',
  '$[ "email" , "a" ]',
  '$.rows[ 0 : 2 ].email',
  '$.rows[-1]',
  '$.rows[?@["e mail"]]',
  '$..email',
  '$.emial',
])('%s masks what the RFC says', async (path) => {
  const { mask, problems } = await load(path);
  expect(problems).toEqual([]);
  const expected = structuredClone(RESULT) as Record<string, unknown>;
  const places = query(path, structuredClone(RESULT) as never).locations();
  for (const place of places.toSorted((a, b) => a.length - b.length)) {
    let at: unknown = expected;
    for (const key of place.slice(0, -1)) at = (at as Record<string, unknown> | undefined)?.[key];
    if (typeof at === 'object' && at !== null) (at as Record<string, Json>)[place.at(-1)!] = '[redacted]';
  }
  expect(mask?.apply({ structured: RESULT }, NO_TOKENS).structured).toEqual(expected);
});

test.each([
  'email',
  'nonsense',
  '.email',
  '$.',
  '$.e mail',
  ' $.email',
  '$.email ',
  '$[?@.a',
  '$[?(@.a)',
  '$.rows[*',
  "$['email",
  '$..',
  '$[email]',
  '$.rows[?@.a = 1]',
  '$.rows[(@.length-1)]',
  '$.email^',
  '$.rows[?nope(@.a)]',
  '$.\\u0065mail',
])('%j is refused, with its place', async (path) => {
  const { mask, problems } = await load(path);
  expect(mask).toBeUndefined();
  expect(problems).toEqual([expect.stringMatching(/^a\.yaml:15:\d+: error: this is not a JSONPath \(RFC 9535\)/)]);
});

test('a misspelt path that must match withholds the result, so that nobody waits for a leak to see it', async () => {
  using directory = new PolicyDirectory();
  directory.write(
    'a.yaml',
    SOUND.replace('{ path: $.secret, with: redact }', '{ path: $.emial, with: redact, mustMatch: true }'),
  );
  const { policies } = await directory.load();
  const mask = policies!.tools.get('refund')!.mask;
  expect(() => mask.apply({ structured: RESULT }, NO_TOKENS)).toThrow('$.emial must match and found nothing');
});
