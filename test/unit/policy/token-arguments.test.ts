// Arguments that may be tokens: what is advertised, what fits, and what rules see of them.
import { beforeAll, describe, expect, test } from 'vitest';
import type { PolicySet } from '../../../src/core/policy.ts';
import type { Tool } from '../../../src/core/tool.ts';
import { decide } from '../../../src/policy/decide.ts';
import { PolicyDirectory, somebody, SOUND } from '../../support/policy-doubles.ts';

const TOKEN = `tok_email_${'a'.repeat(26)}`;
const INPUT = `      to: { type: string, format: email, description: Who., accepts: [email] }
      note: { type: string, optional: true, accepts: [email, phone] }
`;

function policy(when: string, input = INPUT): string {
  return SOUND.replace(/ {6}order.*\n.*\n/, input)
    .replace('refund :order with :amount', 'send :to :note')
    .replace('when: args.amount <= 50.0', `when: '${when}'`);
}

async function load(when: string, input?: string): Promise<{ policies: PolicySet | undefined; problems: string[] }> {
  using directory = new PolicyDirectory();
  directory.write('a.yaml', policy(when, input));
  const { policies } = await directory.load();
  return { policies, problems: await directory.problems() };
}

let tool: Tool;
let policies: PolicySet;
beforeAll(async () => {
  const loaded = await load('tokens.to == "email"');
  expect(loaded.problems).toEqual([]);
  policies = loaded.policies!;
  tool = policies.tools.get('refund')!;
});

describe('an argument that accepts tokens', () => {
  test('says so to the model and to programs', () => {
    expect(tool.inputSchema).toMatchObject({
      properties: {
        to: {
          type: 'string',
          description: 'Who. May be a token (tok_email_…) from an earlier answer: pass it on as it is.',
          anyOf: [{ format: 'email' }, { pattern: '^tok_(email)_[a-z2-7]{26}$' }],
          'x-accepts-tokens': ['email'],
        },
      },
    });
  });

  test.each<[string, Record<string, string>, string[]]>([
    ['a value', { to: 'a@b.example' }, []],
    ['a token', { to: TOKEN }, []],
    ['tokens of several classes', { to: TOKEN, note: TOKEN.replace('email', 'phone') }, []],
    ['neither', { to: 'nobody' }, ['to: must be in the format "email"']],
    ['a token that was cut off', { to: TOKEN.slice(0, -1) }, ['to: must be in the format "email"']],
    [
      'a token of another class',
      { to: TOKEN, note: TOKEN.replace('email', 'login') },
      ['note: this is a token of class login, and email or phone is expected'],
    ],
  ])('may be %s', (_, args, problems) => {
    expect(tool.validate(args)).toEqual(problems);
  });

  test('must fit as a value, once it was turned back', () => {
    expect(tool.validateResolved?.({ to: 'a@b.example' })).toEqual([]);
    expect(tool.validateResolved?.({ to: 'nobody' })).toEqual(['to: must be in the format "email"']);
    expect(tool.validateResolved?.({ to: TOKEN })).toEqual(['to: must be in the format "email"']);
  });

  test('is the exception: other tools have nothing to turn back', async () => {
    using directory = new PolicyDirectory();
    directory.write('a.yaml', SOUND);
    const refund = (await directory.load()).policies?.tools.get('refund');
    expect(refund).not.toHaveProperty('validateResolved', expect.anything());
  });
});

describe('a rule', () => {
  const effect = (args: Record<string, string>): string => {
    const request = { principal: somebody(), tool, arguments: args, session: 's', now: 0 };
    return decide(policies, request).effect;
  };

  test('sees whether an argument is a token, and of which class', () => {
    expect(effect({ to: TOKEN })).toBe('allow');
    expect(effect({ to: 'a@b.example' })).toBe('deny');
  });

  test.each([
    ['args.to == "a@b.example" || tokens.to != ""', []],
    ['tokens.note == "phone"', []],
    ['tokens.too == "email"', ['refund has no argument "too" that accepts tokens']],
    ['tokens.to > 3', ['this always fails']],
  ])('that says %s is checked when it is loaded', async (when, expected) => {
    const { problems } = await load(when);
    expect(problems).toHaveLength(expected.length);
    for (const [index, part] of expected.entries()) expect(problems[index]).toContain(part);
  });

  test('cannot speak of tokens where no argument may be one', async () => {
    const { problems } = await load('tokens.to == "email"', INPUT.replaceAll(/, accepts: \[[^\]]*\]/g, ''));
    expect(problems.join()).toContain('refund has no argument "to" that accepts tokens');
  });

  test('needs classes that are classes', async () => {
    const { problems } = await load('true', INPUT.replace('[email]', '[E-mail]'));
    expect(problems.join()).toContain('expected a class of tokens');
  });
});
