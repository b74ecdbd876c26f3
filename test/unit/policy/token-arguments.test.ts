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

function policy(when: string, input = INPUT, written = 'allow'): string {
  return SOUND.replace(/ {6}order.*\n.*\n/, input)
    .replace('refund :order with :amount', 'send :to :note')
    .replace('when: args.amount <= 50.0', `when: '${when}'`)
    .replace('effect: allow', `effect: ${written}`)
    .concat(written === 'require_approval' ? '    approval: { approvers: { groups: [finance] } }\n' : '')
    .concat(written === 'allow' ? '' : '  - { id: others, effect: allow, tools: [refund] }\n');
}

async function load(
  when: string,
  input?: string,
  written?: string,
): Promise<{ policies: PolicySet | undefined; problems: string[] }> {
  using directory = new PolicyDirectory();
  directory.write('a.yaml', policy(when, input, written));
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

  test.each<[string, string]>([
    ['args.to == "a@b.example"', 'is its value'],
    ['args.to != "a@b.example"', 'is not its value'],
    ['!args.to.endsWith("@b.example")', 'is not of a domain'],
    ['args["to"] in ["a@b.example"]', 'is in a list'],
    ['args == {"to": "a@b.example"}', 'is all there is'],
    ['{"to": "a@b.example"} == args', 'is all there is, said the other way round'],
    ['args.exists(name, args[name] == "a@b.example")', 'is anywhere'],
    ['type(args.to) == string && args.to.size() > 99', 'is long'],
    ['has(args.note)', 'is there'],
  ])('%s can never be evaluated for a token, so that a value passed as one passes no rule', async (when) => {
    for (const [written, expected] of [
      ['allow', 'deny'],
      ['deny', 'deny'],
      ['require_approval', 'require_approval'],
    ] as const) {
      const loaded = await load(when, INPUT, written);
      const args = when.includes('note') ? { to: 'a@b.example', note: TOKEN } : { to: TOKEN };
      const request = { principal: somebody(), arguments: args, session: 's', now: 0 };
      const { policies: set } = loaded;
      const decision = decide(set!, { ...request, tool: set!.tools.get('refund')! });
      expect([written, decision.effect]).toEqual([written, expected]);
      if (written !== 'allow') expect(decision.reason).toBe('rule_failed_closed');
    }
  });

  test.each<[string, 'allow' | 'deny', 'allow' | 'deny']>([
    ['args.to.endsWith("@b.example") || tokens.to == "email"', 'allow', 'allow'],
    ['tokens.to == "email" || args.to.endsWith("@b.example")', 'allow', 'allow'],
    ['args.to.endsWith("@b.example") && tokens.to == ""', 'allow', 'deny'],
    ['tokens.to == "" && args.to.endsWith("@b.example")', 'allow', 'deny'],
  ])('%s says what becomes of tokens, on either side', async (when, value, token) => {
    const { policies: set, problems } = await load(when);
    expect(problems).toEqual([]);
    const effectOf = (to: string) =>
      decide(set!, { principal: somebody(), tool: set!.tools.get('refund')!, arguments: { to }, session: 's', now: 0 });
    expect([effectOf('a@b.example').effect, effectOf(TOKEN).effect]).toEqual([value, token]);
  });

  test('that does not say what becomes of tokens is told so, once for each argument', async () => {
    const { problems } = await load('args.to != "a@b.example" && args.to != "c@b.example" && tokens.note == ""');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^a\.yaml:\d+:\d+.*warning.*to of refund may be a token, whose value no rule sees/s);
  });

  test('sees a token as any text where the argument accepts none: the backend gets it as it is', async () => {
    const { policies: set } = await load(
      `args.to == "${TOKEN}"`,
      INPUT.replaceAll(/, accepts: \[[^\]]*\]|, format: email/g, ''),
    );
    const tool = set!.tools.get('refund')!;
    expect(decide(set!, { principal: somebody(), tool, arguments: { to: TOKEN }, session: 's', now: 0 }).effect).toBe(
      'allow',
    );
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
