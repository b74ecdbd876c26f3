import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Report } from '../../../src/core/problem.ts';
import { cleanJson, cleanText } from '../../../tools/mcp/clean-text.ts';
import { argumentSchema } from '../../../tools/mcp/pinned-schema.ts';
import { mcpBackend } from '../../../tools/mcp/mcp-backend.ts';
import { createMcpKind } from '../../../tools/mcp/mcp-kind.ts';
import { comparePins, readPins, writePins } from '../../../tools/mcp/pins.ts';
import { changesSince, readDefinition } from '../../../tools/mcp/tool-definition.ts';

const tool = (name: string, more: JsonObject = {}) =>
  readDefinition({ name, description: 'It does.', inputSchema: { type: 'object' }, ...more });
const pinned = (...names: string[]) => new Map(names.map((name) => [name, tool(name).hash]));

describe('texts of an upstream', () => {
  test('lose what nobody sees', () => {
    expect(cleanText('a\u202eb\u2066c\u200bd\ufeffe\u00adf\u{e0041}g\u{e0100}h\u2028i\u0007j\u3164k')).toBe(
      'abcdefghijk',
    );
  });

  test('keep line breaks, tabs and what belongs to a sign or a word', () => {
    const seen = 'a\tb\nc ❤️ 👩‍🔬 1️⃣ می‌خواهم क्‍ष';
    expect(cleanText(seen)).toBe(seen);
  });

  test('do not keep a joiner that joins nothing', () => {
    expect(cleanText('a\u200db \ufe0f👩\u200d')).toBe('ab 👩');
  });

  test('are clean once they have been cleaned', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const clean = cleanText(text);
        expect(cleanText(clean)).toBe(clean);
        expect(clean).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u);
      }),
    );
  });

  test('are cleaned at every depth, keys among them', () => {
    expect(cleanJson({ 'a\u200b': [{ b: 'c\u202e' }] })).toEqual({ a: [{ b: 'c' }] });
  });
});

describe('definitions', () => {
  test('are the same in whatever order their keys stand', () => {
    const one = tool('t', { inputSchema: { type: 'object', properties: { a: {}, b: {} } } });
    expect(tool('t', { inputSchema: { properties: { b: {}, a: {} }, type: 'object' } }).hash).toBe(one.hash);
  });

  test('differ by every word, hint and bound', () => {
    const changes = [
      { description: 'It did.' },
      { title: 'T' },
      { annotations: { readOnlyHint: true } },
      { inputSchema: { type: 'object', maxProperties: 1 } },
      { outputSchema: { type: 'object' } },
    ];
    expect(new Set([{}, ...changes].map((more) => tool('t', more).hash)).size).toBe(changes.length + 1);
  });

  test('say that invisible characters stood in them', () => {
    expect(tool('t', { description: 'It\u200b does.' })).toMatchObject({ cleaned: true, hash: tool('t').hash });
    expect(() => tool('t\u200b')).toThrow('invisible');
  });

  test('that changed, came, went or shadow another are told apart', () => {
    const before = pinned('same', 'changed', 'gone', 'read_file');
    const live = [tool('same'), tool('changed', { title: 'New' }), tool('added'), tool('read_file'), tool('Read-File')];
    expect(changesSince(before, live)).toEqual([
      { name: 'Read-File', change: 'added' },
      { name: 'added', change: 'added' },
      { name: 'changed', change: 'changed' },
      { name: 'gone', change: 'removed' },
      { name: 'read_file', change: 'shadowing' },
    ]);
    expect(changesSince(pinned('twice'), [tool('twice'), tool('twice')])).toEqual([
      { name: 'twice', change: 'shadowing' },
    ]);
  });
});

describe('the file of pins', () => {
  const live = [tool('b'), tool('a', { description: 'One.\nTwo.' })];
  const text = writePins('up', live, new Date(0));

  test('is read as it was written', () => {
    expect(readPins(text, 'up')).toMatchObject({ pins: { backend: 'up', pinned: '1970-01-01T00:00:00.000Z' } });
    expect(writePins('up', live.toReversed(), new Date(0))).toBe(text);
  });

  test.each([
    ['this is not JSON', '{'],
    ['it pins the tools of "up"', text, 'other'],
    ['"a" was changed by hand', text.replace('Two.', 'Three.')],
    ['"b" was changed by hand', text.replace('"name": "b"', '"name": "c"')],
    ['version', text.replace('"version": 1', '"version": 2')],
  ])('is refused: %s', (problem, changed, backend = 'up') => {
    expect(readPins(changed, backend)).toEqual({ problem: expect.stringContaining(problem) as string });
  });

  test('shows one changed word as one changed line', () => {
    const read = readPins(text, 'up');
    const pins = 'pins' in read ? read.pins : undefined;
    const [a, b] = comparePins(pins, [tool('b'), tool('a', { description: 'One.\nThree.' })]);
    expect(b).toMatchObject({ name: 'b', change: 'same', lines: [] });
    expect(a?.lines.filter(({ sign }) => sign !== ' ')).toEqual([
      { sign: '-', text: '  Two.' },
      { sign: '+', text: '  Three.' },
    ]);
  });
});

describe('the schema of arguments', () => {
  test('is closed, without references, in the dialect of 2020-12', () => {
    const schema: JsonObject = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { a: { $ref: '#/definitions/pair', description: 'Two.' }, b: { default: { $ref: 'stays' } } },
      additionalProperties: true,
      definitions: {
        pair: { type: 'array', items: [{ type: 'string' }, { $ref: '#/definitions/n' }] },
        n: { type: 'number' },
      },
    };
    expect(argumentSchema(schema)).toEqual({
      schema: {
        type: 'object',
        properties: {
          a: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], description: 'Two.' },
          b: { default: { $ref: 'stays' } },
        },
        additionalProperties: false,
      },
    });
  });

  test.each<[string, JsonObject]>([
    ['refers to itself', { type: 'object', properties: { a: { $ref: '#' } } }],
    ['refers to something outside', { type: 'object', properties: { a: { $ref: 'https://example.com/s' } } }],
    ['refers to nothing', { type: 'object', properties: { a: { $ref: '#/$defs/x' } } }],
    ['$dynamicRef', { type: 'object', properties: { a: { $dynamicRef: '#x' } } }],
    ['not about an object', { type: 'array' }],
    ['(?!', { type: 'object', properties: { a: { type: 'string', pattern: '^(?!x)' } } }],
    ['too large', bomb()],
  ])('that %s cannot be used', (problem, schema) => {
    expect(argumentSchema(schema)).toEqual({ problem: expect.stringContaining(problem) as string });
  });
});

/** Twenty definitions, each of which is the next one twice. */
function bomb(): JsonObject {
  const names = Array.from({ length: 20 }, (_, index) => String(index));
  const twice = (index: string): JsonObject => {
    const $ref = `#/$defs/${String(Number(index) + 1)}`;
    return index === '19' ? {} : { anyOf: [{ $ref }, { $ref }] };
  };
  return {
    type: 'object',
    properties: { a: { $ref: '#/$defs/0' } },
    $defs: Object.fromEntries(names.map((name) => [name, twice(name)])),
  };
}

test.each([
  ['http://mcp.example/mcp', ['credentials and data travel unencrypted']],
  ['https://mcp.example/mcp', []],
  ['http://127.0.0.1:8080/mcp', []],
])('a backend at %s is warned of where others can listen', (url, warned) => {
  const warnings: string[] = [];
  const report: Report = { error: () => undefined, warning: (_place, message) => void warnings.push(message) };
  const options = mcpBackend.parse({ url, pins: 'pins.json' });
  createMcpKind().checkBackend?.({ name: 'upstream', options, directory: '/', documents: new Map() }, report);
  expect(warnings).toEqual(warned);
});
