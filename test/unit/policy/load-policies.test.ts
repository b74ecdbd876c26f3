import { createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callDigest } from '../../../src/core/digest.ts';
import { principal } from '../../support/pipeline.ts';
import { PolicyDirectory, SOUND } from '../../support/policy-doubles.ts';

let directory: PolicyDirectory;
beforeEach(() => {
  directory = new PolicyDirectory();
});
afterEach(() => {
  directory[Symbol.dispose]();
});

/** The problems of the sound file after one change. */
async function afterChange(from: string | RegExp, to: string): Promise<string[]> {
  const changed = SOUND.replace(from, to);
  expect(changed).not.toBe(SOUND);
  directory.write('shop.yaml', changed);
  return directory.problems();
}

describe('policy files', () => {
  it('load into tools and rules', async () => {
    directory.write('shop.yaml', SOUND);
    const { policies, problems } = await directory.load();
    expect(problems).toEqual([]);
    const tool = policies?.tools.get('refund');
    expect(tool).toMatchObject({
      name: 'refund',
      backend: { name: 'shop', kind: 'echo', credential: { kind: 'badge', scope: 'session', ttlMs: 300_000 } },
      annotations: { readOnly: false, destructive: false, idempotent: false },
      timeoutMs: 10_000,
    });
    expect(tool?.inputSchema).toEqual({
      type: 'object',
      properties: { order: { type: 'integer', minimum: 1 }, amount: { type: 'number' } },
      required: ['order', 'amount'],
      additionalProperties: false,
    });
    expect(policies?.rules.map(({ id, effect }) => [id, effect])).toEqual([['small', 'allow']]);
  });

  it('have a version that changes with every text and every name, and with nothing else', async () => {
    directory.write('shop.yaml', SOUND);
    const first = (await directory.load()).policies?.version;
    expect((await directory.load()).policies?.version).toBe(first);
    directory.write('shop.yaml', `${SOUND}# a remark\n`);
    const second = (await directory.load()).policies?.version;
    expect(second).not.toBe(first);
    directory.write('more.yaml', 'version: 1\n');
    expect((await directory.load()).policies?.version).not.toBe(second);
  });

  it('hash a definition as it is written, so that a secret changes nothing', async () => {
    directory.write('shop.yaml', SOUND.replace('https://shop.example', '${env:SHOP_URL}'));
    const one = await directory.load({ env: { SHOP_URL: 'https://one.example' } });
    const two = await directory.load({ env: { SHOP_URL: 'https://two.example' } });
    expect(one.policies?.tools.get('refund')?.definitionHash).toBe(two.policies?.tools.get('refund')?.definitionHash);
    directory.write('shop.yaml', SOUND);
    expect((await directory.load()).policies?.tools.get('refund')?.definitionHash).not.toBe(
      one.policies?.tools.get('refund')?.definitionHash,
    );
  });

  it('bind a call to what stands behind the references of its backend, which nothing prints', async () => {
    directory.write('shop.yaml', SOUND.replace('https://shop.example', '${env:SHOP_URL}'));
    const key = createSecretKey(Buffer.alloc(32));
    const digestAt = async (address: string): Promise<string> => {
      const { policies } = await directory.load({ env: { SHOP_URL: address } });
      const tool = policies!.tools.get('refund')!;
      expect(inspect(tool, { depth: 9 }) + JSON.stringify(tool)).not.toContain(tool.backend.resolvedHash.reveal());
      return callDigest(key, invocation, tool, policies!.rules);
    };
    const invocation = {
      ...{ id: '1', session: 's', tool: 'refund', arguments: { order: 1, amount: 1 }, arrivedAt: 0 },
      principal: principal('robot'),
    };
    const one = await digestAt('https://one.example');
    expect(await digestAt('https://one.example')).toBe(one);
    expect(await digestAt('https://two.example')).not.toBe(one);
  });

  it('may be many: names hold across files', async () => {
    const [head = '', rules = ''] = SOUND.split('rules:\n');
    directory.write('a.yml', `version: 1\nrules:\n${rules}`);
    directory.write('b.yaml', head);
    directory.write('.hidden.yaml', 'nonsense');
    directory.write('notes.txt', 'nonsense');
    expect(await directory.problems()).toEqual([]);
  });

  it('are looked for in one directory alone, and it is said', async () => {
    directory.write('shop.yaml', SOUND);
    directory.write('more/rules.yaml', SOUND);
    expect(await directory.problems()).toEqual(['more:1:1: warning: directories in a policy directory are not read']);
  });

  it('must be there', async () => {
    expect((await directory.problems())[0]).toMatch(/:1:1: error: there are no policy files/);
    directory[Symbol.dispose]();
    expect((await directory.problems())[0]).toMatch(/:1:1: error: there is no such policy directory/);
    directory = new PolicyDirectory();
  });
});

describe('a problem', () => {
  it.each<[string, string | RegExp, string, string[]]>([
    [
      'an unknown key of a file',
      'tools:\n',
      'tool:\n',
      [
        'shop.yaml:7:1: error: unknown key "tool" (did you mean "tools"?)',
        'shop.yaml:20:13: error: unknown tool "refund" (declare it under `tools`)',
      ],
    ],
    ['a wrong version', 'version: 1', 'version: 2', ['shop.yaml:1:10: error: expected 1']],
    [
      'an unknown key of a tool',
      'text:',
      'txt:',
      [
        'shop.yaml:8:3: error: missing `text`: expected text',
        'shop.yaml:10:5: error: unknown key "txt" (did you mean "text"?)',
      ],
    ],
    [
      'an unknown key of a rule',
      'when:',
      'where:',
      ['shop.yaml:21:5: error: unknown key "where" (did you mean "when"?)'],
    ],
    [
      'an unknown key of a credential',
      'issuer: office',
      'issuer: office, isuer: x',
      ['shop.yaml:6:48: error: unknown key "isuer" (did you mean "issuer"?)'],
    ],
    [
      'an unknown kind of backend',
      'kind: echo',
      'kind: ecko',
      ['shop.yaml:4:11: error: unknown kind of backend "ecko" (did you mean "echo"?)'],
    ],
    [
      'an unknown kind of credential',
      'kind: badge',
      'kind: bagde',
      ['shop.yaml:6:25: error: unknown kind of credential "bagde" (did you mean "badge"?)'],
    ],
    [
      'a credential that is left out',
      /    credential.*\n/,
      '',
      [
        'shop.yaml:3:3: error: missing `credential`: nothing says how calls sign in to "shop" (add `credential: { kind: badge, … }`)',
      ],
    ],
    [
      "a value of a provider's own",
      'issuer: office',
      'issuer: o',
      ['shop.yaml:6:40: error: expected at least 3 characters'],
    ],
    [
      'an unknown backend',
      'backend: shop',
      'backend: shoop',
      ['shop.yaml:9:14: error: unknown backend "shoop" (did you mean "shop"?)'],
    ],
    [
      'an unknown tool',
      '[refund]',
      '[refnud]',
      [
        'shop.yaml:8:3: warning: no rule mentions this tool, so nobody can call it',
        'shop.yaml:20:13: error: unknown tool "refnud" (did you mean "refund"?)',
      ],
    ],
    [
      'a name that Agents SDK would change',
      '  refund:',
      '  re-fund:',
      [
        'shop.yaml:8:3: error: expected a name of at most 64 letters, digits and "_"',
        'shop.yaml:8:3: error: a tool cannot be called "re-fund" (at most 64 letters, digits and "_")',
        'shop.yaml:8:3: warning: no rule mentions this tool, so nobody can call it',
        'shop.yaml:20:13: error: unknown tool "refund" (did you mean "re-fund"?)',
      ],
    ],
    [
      'a key that is there twice',
      '    text:',
      '    backend: shop\n    text:',
      ['shop.yaml:10:5: error: Map keys must be unique (keep one of them)'],
    ],
    ['YAML that is none', 'version: 1', 'version: [1', [expect.stringMatching(/^shop.yaml:2:1: error: /) as string]],
    [
      'a second document',
      'rules:',
      '---\nrules:',
      ['shop.yaml:16:1: error: a second document in one file (put it into its own file)'],
    ],
    [
      'a parameter without input',
      'with :amount',
      'with :amuont',
      ['shop.yaml:10:30: error: ":amuont" is no input', 'shop.yaml:13:7: error: "amount" is not used'],
    ],
    [
      'a path that is none',
      '$.secret',
      '"$.secret["',
      [expect.stringMatching(/^shop.yaml:15:2\d: error: this is not a JSONPath/) as string],
    ],
    [
      'an unknown way to mask',
      'with: redact',
      'with: redcat',
      [expect.stringMatching(/^shop.yaml:15:\d+: error: /) as string],
    ],
    [
      'a limit that is none',
      '    mask:',
      '    limits: { timeout: 5 }\n    mask:',
      ['shop.yaml:14:24: error: expected a duration such as 500ms, 30s, 5m or 1h'],
    ],
    [
      'a limit out of bounds',
      '    mask:',
      '    limits: { bytes: 1GiB, timeout: 1h }\n    mask:',
      [
        'shop.yaml:14:22: error: expected a size such as 64KiB or 1MiB',
        'shop.yaml:14:37: error: expected between 100ms and 10m',
      ],
    ],
    [
      'an argument of no type',
      '{ type: number }',
      '{ typ: number }',
      ['shop.yaml:13:7: error: missing `type`: expected a `type`: string, integer, number, boolean, array or object'],
    ],
    [
      'a key of another type of argument',
      '{ type: number }',
      '{ type: number, minLength: 3 }',
      [expect.stringMatching(/^shop.yaml:13:31: error: unknown key "minLength"/) as string],
    ],
    [
      'a pattern that could run for ever',
      '{ type: number }',
      '{ type: string, pattern: "(?=a)" }',
      [expect.stringMatching(/^shop.yaml:13:40: error: expected a regular expression \(RE2/) as string],
    ],
    [
      'a reference outside backends',
      '    text:',
      '    description: in ${env:X}\n    text:',
      [
        'shop.yaml:10:21: error: references stand in backends only (put what differs between deployments into the backend, or make it an input)',
      ],
    ],
    [
      'principals that are nobody',
      '{ groups: [support] }',
      '{ groups: [] }',
      ['shop.yaml:19:27: error: expected at least 1 entry'],
    ],
    [
      'principals without any key',
      '{ groups: [support] }',
      '{}',
      [
        'shop.yaml:19:17: error: expected at least one of its keys (leave `principals` out for everybody who has signed in)',
      ],
    ],
    [
      'a tool that contradicts itself',
      '    text:',
      '    readOnly: true\n    destructive: true\n    text:',
      ['shop.yaml:11:18: error: a tool that is read-only destroys nothing (leave one of the two out)'],
    ],
    [
      'a message that nobody is told',
      '    when:',
      '    message: no\n    when:',
      ['shop.yaml:21:5: warning: a rule that allows stops no call, so nobody is told this message'],
    ],
    [
      'a number that JSON cannot hold',
      'minimum: 1',
      'minimum: 9007199254740993',
      ['shop.yaml:12:40: error: this value cannot be held exactly (put it in quotes)'],
    ],
    [
      'a key that is no text',
      '  refund:',
      '  ? [a]\n  : 1\n  refund:',
      [expect.stringMatching(/^shop.yaml:8:5: error: a key must be plain text/) as string],
    ],
    [
      'a key that would change every object',
      '      amount: {',
      '      __proto__: {',
      [expect.stringMatching(/^shop.yaml:13:7: error: a key must be plain text/) as string],
    ],
  ])('is %s', async (_, from, to, expected) => {
    expect(await afterChange(from, to)).toEqual(expected);
  });

  it('is a rule id that is there twice, at both places and across files', async () => {
    directory.write('a.yaml', SOUND);
    directory.write(
      'b.yaml',
      'version: 1\nrules:\n  - { id: small, effect: deny, tools: [refund], when: args.order == 3 }\n',
    );
    expect(await directory.problems()).toEqual([
      'a.yaml:17:9: error: another rule is called "small" too: b.yaml:3 (give one of them another name)',
      'b.yaml:3:11: error: another rule is called "small" too: a.yaml:17 (give one of them another name)',
    ]);
  });

  it('is a tool that is declared in two files', async () => {
    directory.write('a.yaml', SOUND);
    directory.write('b.yaml', 'version: 1\ntools:\n  refund: { backend: shop, text: hello }\n');
    expect(await directory.problems()).toEqual([
      expect.stringContaining('a.yaml:8:3: error: another tool is called "refund" too: b.yaml:3') as string,
      expect.stringContaining('b.yaml:3:3: error: another tool is called "refund" too: a.yaml:8') as string,
      expect.stringContaining('b.yaml:3:3: error: this makes a tool "refund"') as string,
    ]);
  });

  it('is not the rest of what a broken file may hold', async () => {
    const [head = '', rules = ''] = SOUND.split('rules:\n');
    directory.write('a.yaml', `version: 1\nrules:\n${rules}`);
    directory.write('b.yaml', `${head}  oops: [\n`);
    const problems = await directory.problems();
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.filter((line) => !line.startsWith('b.yaml'))).toEqual([]);
  });

  it('does not hide the others', async () => {
    directory.write('a.yaml', 'version: 1\nrules:\n  - { id: x, efect: allow, tools: [refnd] }\n');
    directory.write(
      'shop.yaml',
      SOUND.replace('url: https://shop.example', 'url: ${env:SHOP_URL}\n    color: red')
        .replace(':amount', ':amuont')
        .replace('args.amount', 'args.ammount')
        .replace('$.secret', '"$.["'),
    );
    const places = (await directory.problems()).map((line) => line.split(': ').slice(0, 3).join(': '));
    expect(places).toEqual([
      'a.yaml:3:5: error: missing `effect`',
      'a.yaml:3:14: error: unknown key "efect" (did you mean "effect"?)',
      'a.yaml:3:36: error: unknown tool "refnd" (did you mean "refund"?)',
      'shop.yaml:5:10: error: environment variable SHOP_URL is not set (set it where the broker runs)',
      'shop.yaml:6:5: error: unknown key "color" (known here',
      expect.stringContaining('shop.yaml:11:30: error: ":amuont" is no input') as string,
      expect.stringContaining('shop.yaml:14:7: error: "amount" is not used') as string,
      expect.stringMatching(/^shop.yaml:16:20: error: this is not a JSONPath/) as string,
      expect.stringContaining(
        'shop.yaml:22:15: error: refund has no argument "ammount" (did you mean "amount"?)',
      ) as string,
    ]);
  });
});

describe('a reference', () => {
  const text = SOUND.replace('https://shop.example', '${env:SHOP_URL}').replace('office', '"${file:issuer}"');

  it('is replaced by what it stands for', async () => {
    directory.write('shop.yaml', text);
    directory.write('issuer', 'office\n');
    const { policies, problems } = await directory.load({ env: { SHOP_URL: 'https://shop.example' } });
    expect(problems).toEqual([]);
    expect(policies?.tools.get('refund')?.backend.credential?.options).toEqual({ issuer: 'office' });
  });

  it('to nothing is an error, and never a literal', async () => {
    directory.write('shop.yaml', text);
    expect(await directory.problems({ env: { SHOP_URL: '' } })).toEqual([
      'shop.yaml:5:10: error: environment variable SHOP_URL is empty (set it where the broker runs)',
      'shop.yaml:6:41: error: file issuer cannot be read: ENOENT',
    ]);
    expect((await directory.load()).policies).toBeUndefined();
  });

  it('to nothing is a warning where that is asked for, and such a tool refuses to be called', async () => {
    directory.write('shop.yaml', text);
    const { policies, problems } = await directory.load({ unset: 'warning' });
    expect(problems.map(({ severity }) => severity)).toEqual(['warning', 'warning']);
    const tool = policies?.tools.get('refund');
    expect(tool?.validate({ order: 1, amount: 1 })).toEqual([]);
    await expect(tool?.call({} as Parameters<typeof tool.call>[0])).rejects.toThrow('without its references');
  });

  it('that is malformed is always an error', async () => {
    directory.write('shop.yaml', SOUND.replace('https://shop.example', 'https://${env}/'));
    expect(await directory.problems({ unset: 'warning' })).toEqual([
      'shop.yaml:5:18: error: "${" starts a reference, and this one is malformed (write ${env:NAME} or ${file:PATH})',
    ]);
  });

  it('never brings its value into a message', async () => {
    directory.write('shop.yaml', text);
    directory.write('issuer', 'x');
    const problems = await directory.problems({ env: { SHOP_URL: 'hunter2 is no address' } });
    expect(problems).toEqual([
      'shop.yaml:5:10: error: expected an address',
      'shop.yaml:6:40: error: expected at least 3 characters',
    ]);
  });
});

describe('a warning', () => {
  const rule = (text: string) => SOUND + `  - { ${text}, tools: [refund] }\n`;

  it('says which tools nobody can call', async () => {
    directory.write('shop.yaml', SOUND.replace('effect: allow', 'effect: deny'));
    expect(await directory.problems()).toEqual([
      'shop.yaml:8:3: warning: no rule allows this tool, so nobody can call it',
    ]);
  });

  it('says which rules can never decide', async () => {
    directory.write('shop.yaml', rule('id: never, effect: deny, principals: { groups: [support, sales] }'));
    expect(await directory.problems()).toEqual([
      expect.stringMatching(
        /^shop.yaml:17:5: warning: this rule can never decide: "never" always decides before it/,
      ) as string,
    ]);
    directory.write('shop.yaml', rule('id: never, effect: deny, when: "1 > 2"'));
    expect(await directory.problems()).toEqual([
      'shop.yaml:22:38: warning: this rule can never decide: its condition is never true',
    ]);
  });

  it.each([
    'effect: deny, principals: { groups: [sales] }',
    'effect: deny, when: args.order == 3',
    'effect: deny, principals: { groups: [support], agents: [bot] }',
  ])('says nothing about a rule that may decide beside one with %s', async (other) => {
    directory.write('shop.yaml', rule(`id: other, ${other}`));
    expect(await directory.problems()).toEqual([]);
  });

  it('keeps nothing from loading', async () => {
    directory.write('shop.yaml', SOUND.replace('effect: allow', 'effect: deny'));
    expect((await directory.load()).policies?.rules).toHaveLength(1);
  });
});

describe('with more than one issuer', () => {
  const issuers = [
    { name: 'okta', issuer: 'https://okta.example' },
    { name: 'entra', issuer: 'https://entra.example' },
  ];

  it('a group must say whose it is', async () => {
    directory.write(
      'shop.yaml',
      SOUND.replace(
        '[support]',
        '[support, okta:support, okto:support], issuers: [okta, entro, https://entra.example]',
      ),
    );
    expect(await directory.problems({ issuers })).toEqual([
      'shop.yaml:19:28: error: with more than one issuer, a group must say whose it is (write okta:support or entra:support)',
      'shop.yaml:19:51: error: with more than one issuer, a group must say whose it is (write okta:support or entra:support)',
      'shop.yaml:19:82: error: unknown issuer "entro" (did you mean "entra"?)',
    ]);
  });

  it.each(['subjects: [ann]', 'agents: [bot]', 'claims: { team: [blue] }'])(
    '%s must say whose they are',
    async (who) => {
      directory.write('shop.yaml', SOUND.replace('groups: [support]', who));
      const key = who.slice(0, who.indexOf(':'));
      expect(await directory.problems({ issuers })).toEqual([
        expect.stringContaining(`error: with more than one issuer, ${key} must say whose they are`),
      ]);
      directory.write('shop.yaml', SOUND.replace('groups: [support]', `${who}, issuers: [okta]`));
      expect(await directory.problems({ issuers })).toEqual([]);
      directory.write('shop.yaml', SOUND.replace('groups: [support]', who).replace('effect: allow', 'effect: deny'));
      expect((await directory.load({ issuers })).policies).toBeDefined();
    },
  );
});

describe('examining', () => {
  it('asks kinds and providers, and reports at their declarations', async () => {
    directory.write('shop.yaml', SOUND);
    const loaded = await directory.load();
    const problems = await loaded.examine(AbortSignal.timeout(5_000));
    expect(problems.map(({ line, column, message }) => [line, column, message])).toEqual([
      [5, 10, 'examined shop'],
      [6, 40, 'examined office'],
      [15, 17, 'examined $.secret'],
    ]);
  });
});
