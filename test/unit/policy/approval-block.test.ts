import { describe, expect, test } from 'vitest';
import { PolicyDirectory, SOUND } from '../../support/policy-doubles.ts';

const ask = (more: string): string =>
  `  - { id: ask, effect: require_approval, tools: [refund], approval: { approvers: { groups: [finance] }${more} } }\n`;

describe('`justification: required`', () => {
  test('adds an argument to the tools of its rule that may be left out, and that no condition sees', async () => {
    using directory = new PolicyDirectory();
    directory.write('shop.yaml', SOUND + ask(', justification: required'));
    const { policies } = await directory.load();
    const refund = policies!.tools.get('refund')!;
    expect(refund.inputSchema).toMatchObject({
      properties: { justification: { type: 'string' }, order: { type: 'integer' } },
      required: ['order', 'amount'],
      additionalProperties: false,
    });
    expect(refund.validate({ order: 1, amount: 2 })).toEqual([]);
    expect(refund.validate({ order: 1, amount: 2, justification: 'why not' })).toEqual([]);
    expect(refund.validate({ order: 1, amount: 2, justification: 3 })).toHaveLength(1);
    directory.write('shop.yaml', SOUND.replace('args.amount', 'args.justification') + ask(', justification: required'));
    expect((await directory.problems()).join()).toContain('justification');
  });

  test('leaves tools of other rules as they are', async () => {
    using directory = new PolicyDirectory();
    directory.write('shop.yaml', SOUND + ask(''));
    const { policies } = await directory.load();
    expect(policies!.tools.get('refund')!.validate({ order: 1, amount: 2, justification: 'why not' })).toHaveLength(1);
  });

  test('cannot be asked of a tool that has such an argument itself', async () => {
    using directory = new PolicyDirectory();
    const own = SOUND.replace(':amount', ':justification').replace('amount: { type', 'justification: { type');
    directory.write(
      'shop.yaml',
      own.replace('args.amount <= 50.0', 'args.justification <= 50.0') + ask(', justification: required'),
    );
    expect((await directory.problems()).join()).toContain('refund has an argument "justification" of its own');
  });
});

describe('`approval`', () => {
  test('is warned about where nobody can sign in, and not where that is not known', async () => {
    using directory = new PolicyDirectory();
    directory.write('shop.yaml', SOUND + ask(''));
    const words = async (people?: boolean): Promise<string[]> =>
      (await directory.load(people === undefined ? {} : { people })).problems.map(({ message }) => message);
    const warning = 'nobody can sign in to approve this: such calls wait until they expire';
    expect(await words(false)).toContain(warning);
    expect(await words(true)).not.toContain(warning);
    expect(await words()).not.toContain(warning);
  });

  test('names groups of which issuer, where there are several', async () => {
    using directory = new PolicyDirectory();
    directory.write('shop.yaml', SOUND + ask(''));
    const issuers = [
      { name: 'okta', issuer: 'https://a.example' },
      { name: 'entra', issuer: 'https://b.example' },
    ];
    const hints = async (): Promise<unknown[]> => (await directory.load({ issuers })).problems.map(({ hint }) => hint);
    const asked = 'write okta:finance or entra:finance';
    expect(await hints()).toContain(asked);
    directory.write('shop.yaml', SOUND + ask('').replace('finance', 'okta:finance'));
    expect(await hints()).not.toContain(asked);
  });
});

describe('`notify`', () => {
  test('names a channel that is set up, and is a problem where it is not', async () => {
    using directory = new PolicyDirectory();
    directory.write('shop.yaml', SOUND + ask(', notify: [slack]'));
    const { policies } = await directory.load({ channels: ['slack'] });
    expect(policies!.rules.find(({ id }) => id === 'ask')!.approval!.notify).toEqual(['slack']);
    const { problems } = await directory.load({ channels: [] });
    expect(problems.map(({ message }) => message)).toContain('nobody can be told by slack');
    directory.write('shop.yaml', SOUND + ask(', notify: [slak]'));
    expect((await directory.problems()).join()).toContain('expected');
  });
});
