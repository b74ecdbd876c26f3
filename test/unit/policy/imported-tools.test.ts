// Kinds whose backends name documents, and whose declarations make several tools.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { JsonSchema } from '../../../src/core/json.ts';
import type { PolicySet } from '../../../src/core/policy.ts';
import { openPolicySource } from '../../../src/policy/policy-source.ts';
import type { ToolKind } from '../../../tools/tool-kind.ts';
import { doubles, PolicyDirectory, somebody } from '../../support/policy-doubles.ts';

interface Listed {
  readonly name: string;
  readonly answer?: JsonSchema;
  readonly inputSchema: JsonSchema;
  readonly readOnly: boolean;
}

/** Its backend's document lists tools; a declaration imports them all. */
const listKind: ToolKind<{ list: string; pins?: string | undefined }, object> = {
  kind: 'list',
  backend: z.strictObject({ list: z.string(), pins: z.string().optional() }),
  tool: z.strictObject({}),
  credentials: [],
  documents: ({ list, pins }) => [
    { key: 'list', file: list },
    ...(pins === undefined ? [] : [{ key: 'pins', file: pins, optional: true }]),
  ],
  checkBackend: ({ documents, options }, report) => {
    if (options.pins !== undefined && !documents.has('pins')) report.warning({ path: ['pins'] }, 'nothing is pinned');
  },
  compile: ({ backend }) =>
    (JSON.parse(backend.documents.get('list')?.text ?? '[]') as Listed[]).map(
      ({ name, inputSchema, readOnly, answer }) => ({
        name,
        description: `The tool ${name}.`,
        inputSchema,
        annotations: { readOnly, destructive: !readOnly, idempotent: true },
        describedAnswer: () => answer,
        call: ({ arguments: args }) => Promise.resolve({ structured: args }),
      }),
    ),
  examine: () => Promise.resolve(),
};

const ORDER: JsonSchema = {
  type: 'object',
  properties: {
    body: {
      type: 'object',
      properties: {
        amount: { type: 'number' },
        note: { type: ['string', 'null'] },
        lines: { type: 'array', items: { type: 'object', properties: { count: { type: 'integer' } } } },
        target: { oneOf: [{ type: 'string' }, { type: 'object', properties: { id: { type: 'string' } } }] },
        email: { type: 'string', anyOf: [{ format: 'email' }, { pattern: '^tok_' }], 'x-accepts-tokens': ['email'] },
      },
      required: ['amount'],
      additionalProperties: false,
    },
  },
  required: ['body'],
  additionalProperties: false,
};

const LIST = JSON.stringify([
  { name: 'order', inputSchema: ORDER, readOnly: false },
  { name: 'look', inputSchema: { type: 'object', additionalProperties: false }, readOnly: true },
]);

const policies = (when: string, more = ''): string => `version: 1
backends:
  shop: { kind: list, list: documents/shop.json }
tools:
  all:
    backend: shop
${more}rules:
  - { id: orders, effect: allow, tools: [order], when: ${JSON.stringify(when)} }
  - { id: looks, effect: allow, tools: [look] }
`;

const implementations = { ...doubles, kinds: [listKind] };
let directory: PolicyDirectory;
beforeEach(() => {
  directory = new PolicyDirectory();
  directory.write('documents/shop.json', LIST);
});
afterEach(() => {
  directory[Symbol.dispose]();
});

const problems = (when: string, more?: string): Promise<string[]> => {
  directory.write('shop.yaml', policies(when, more));
  return directory.problems(implementations);
};

async function load(text: string): Promise<PolicySet> {
  directory.write('shop.yaml', text);
  const { policies: set, problems: found } = await directory.load(implementations);
  expect(found).toEqual([]);
  if (set === undefined) throw new Error('no policies');
  return set;
}

describe('a declaration that makes several tools', () => {
  it('gives each its own name, words, schema and annotations', async () => {
    const { tools } = await load(policies('args.body.amount > 100.0'));
    expect([...tools.keys()]).toEqual(['order', 'look']);
    expect(tools.get('order')).toMatchObject({ description: 'The tool order.', inputSchema: ORDER });
    expect(tools.get('look')?.annotations).toEqual({ readOnly: true, destructive: false, idempotent: true });
    expect(tools.get('order')?.validate({ body: { amount: 'x' } })).toEqual(['body.amount: must be number']);
    expect(tools.get('order')?.validateResolved?.({ body: { amount: 1, email: 'tok_x' } })).toHaveLength(1);
  });

  it('is meant, with all its tools, by a rule that names it', async () => {
    const { rules } = await load(policies('true').replace('tools: [look]', 'tools: [all]'));
    const looks = rules.find(({ id }) => id === 'looks');
    expect(['order', 'look', 'all'].map((name) => looks?.concerns(somebody(), name))).toEqual([true, true, false]);
  });

  it('has no title or description of its own', async () => {
    expect(await problems('true', '    title: Shop\n')).toEqual([
      'shop.yaml:7:5: error: this makes 2 tools, and a title is about one (leave it out)',
    ]);
  });

  it('warns of the tools that no rule mentions, by name', async () => {
    directory.write('shop.yaml', policies('true').replace('[look]', '[order]'));
    expect(await directory.problems(implementations)).toEqual([
      'shop.yaml:5:3: warning: no rule mentions look, so nobody can call it',
    ]);
  });
});

describe('a condition on an imported tool', () => {
  it.each([
    'args.body.amount > 100.0',
    'has(args.body.lines) && args.body.lines.all(line, has(line.count) && line.count < 10)',
    'has(args.body.note) && args.body.note != null && args.body.note.startsWith("a")',
    'has(args.body.target) && type(args.body.target) == string',
    'has(args.body.target) && has(args.body.target.id) && args.body.target.id == "7"',
  ])('may say %s', async (when) => {
    expect(await problems(when)).toEqual([]);
  });

  it.each([
    ['args.body.amuont > 100.0', 'args.body of order has no "amuont" (did you mean "amount"?)'],
    ['args.body.amount > "100"', 'this always fails'],
    ['args.body.note == "a"', 'args.body.note may be left out of a call of order'],
    ['has(args.body.lines) && has(args.body.lines[0].count) && args.body.lines[1].count < 3', 'lines[1].count may be'],
    ['has(args.body.lines) && args.body.lines[0].count < 10', 'args.body.lines[0].count may be left out'],
  ])('may not say %s', async (when, problem) => {
    expect((await problems(when)).join('\n')).toContain(problem);
  });

  it('sees the arguments as the imported schema has them', async () => {
    const { tools, rules } = await load(
      policies('has(args.body.lines) && has(args.body.lines[0].count) && args.body.lines[0].count == 3'),
    );
    const tool = tools.get('order');
    if (tool === undefined) throw new Error('no tool');
    const request = {
      principal: somebody(),
      tool,
      arguments: { body: { amount: 1, lines: [{ count: 3 }] } },
      session: 's',
      now: 0,
    };
    expect(rules[0]?.when(request)).toBe(true);
  });
});

describe('a mask on imported tools', () => {
  const item = { type: 'object', properties: { owner: { type: 'object', properties: { email: { type: 'string' } } } } };
  const alternative = { oneOf: [item, { type: 'object', properties: { id: { type: 'string' } } }] };
  const answer = { type: 'object', properties: { items: { type: 'array', items: alternative } } };
  const masked = (path: string, ...answers: (JsonSchema | undefined)[]): Promise<string[]> => {
    const inputSchema = { type: 'object', additionalProperties: false };
    const names = ['order', 'look'];
    const tools = answers.map((one, index) => ({ name: names[index], inputSchema, readOnly: true, answer: one }));
    directory.write('documents/shop.json', JSON.stringify(tools));
    return problems('true', `    mask: [{ path: '${path}', with: redact }]\n`);
  };
  const IDLE =
    'shop.yaml:7:20: warning: nothing in the answer, as the backend describes it, is at this path (see whether the path is right; it stays in force)';

  it.each(['$.items[*].owner.email', '$..email', '$.items[*].id', '$.items', '$.items[3].gone', '$[?@.gone]'])(
    'that can find something, or may, is fine: %s',
    async (path) => {
      expect(await masked(path, answer, answer)).toEqual([]);
    },
  );

  it.each(['$.items[*].owner.mail', '$.rows[*].email', '$..phone'])(
    'that can find nothing is warned of: %s',
    async (path) => {
      expect(await masked(path, answer, answer)).toEqual([IDLE]);
    },
  );

  it('is judged by all tools that it masks, and not where one of them says nothing', async () => {
    const other = { type: 'object', properties: { phone: { type: 'string' } } };
    expect(await masked('$..phone', answer, other)).toEqual([]);
    expect(await masked('$..fax', answer, undefined)).toEqual([]);
    expect(await masked('$..fax', answer, { type: 'object' })).toEqual([]);
    expect(await masked('$..fax', answer, other)).toEqual([IDLE]);
  });
});

describe('a document that a backend names', () => {
  it('is an error at its key where it cannot be read', async () => {
    directory.write('shop.yaml', policies('true').replace('shop.json', 'other.json'));
    expect((await directory.problems(implementations))[0]).toBe(
      'shop.yaml:3:29: error: the file cannot be read: ENOENT (its path is relative to the policy directory)',
    );
  });

  it('may be missing where the kind says so, and the kind tells what that means', async () => {
    directory.write('shop.yaml', policies('true').replace('shop.json }', 'shop.json, pins: pins.json }'));
    expect(await directory.problems(implementations)).toEqual([expect.stringContaining('warning: nothing is pinned')]);
  });

  it('is part of the version, and of what an approval is bound to', async () => {
    const before = await load(policies('true'));
    directory.write('documents/shop.json', LIST.replace('"readOnly":false', '"readOnly":true'));
    const after = await load(policies('true'));
    expect(after.version).not.toBe(before.version);
    expect(after.tools.get('order')?.definitionHash).not.toBe(before.tools.get('order')?.definitionHash);
  });

  it('is watched: a change of it alone puts a new set in force, once', { timeout: 20_000 }, async () => {
    directory.write('shop.yaml', policies('true'));
    const versions: string[] = [];
    await using source = await openPolicySource(directory.path, {
      load: { ...implementations, env: {} },
      onLoaded: ({ version }) => {
        versions.push(version);
        return Promise.resolve();
      },
      onRefused: () => Promise.resolve(),
    });
    directory.write(join('documents', 'shop.json'), LIST.replace('"name":"order"', '"name":"order","was":1'));
    // Documents may stand anywhere, so they are looked at now and then, and not listened to.
    await vi.waitFor(() => {
      expect(source.current().version).not.toBe(versions[0]);
    }, 15_000);
    expect(versions).toEqual([expect.any(String), source.current().version]);
  });
});
