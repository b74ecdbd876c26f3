import { describe, expect, it } from 'vitest';
import { WithheldError } from '../../../src/core/errors.ts';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { compileMasks, compiler, declare, looseTokens, masked, maskedTexts } from './support.ts';

describe('a mask declaration', () => {
  it.each([
    [{ path: '$.a' }, 'no action'],
    [{ path: '$.a', with: 'redakt' }, 'a misspelt action'],
    [{ path: '$.a', with: 'keep-last' }, 'no count'],
    [{ path: '$.a', with: 'keep-last', count: 0 }, 'a count of nothing'],
    [{ path: '$.a', with: 'redact', count: 4 }, 'a count that redact does not take'],
    [{ path: '$.a', with: 'remove', extra: true }, 'an unknown key'],
    [{ path: '$.a', with: 'redact', label: '"}' }, 'a label that could break out of its brackets'],
  ] as [unknown, string][])('is refused: %j (%s)', (declaration) => {
    expect(compiler.declaration.safeParse(declaration).success).toBe(false);
  });

  it.each([
    ['nonsense', 0],
    ['$.', 2],
    ['$..', 3],
    ['$.rows[*', 8],
    ['$.a]', 3],
    ['$[?@.a', 1],
    ['$.a b', 4],
    [' $.a', 0],
    ["$[?match(@.a, '(')]", 15],
    ["$[?search(@.a, '(?=x)')]", 16],
    ['$[?nope(@.a)]', 3],
  ])('with the path %s is reported at offset %i, and would let nothing out', (path, offset) => {
    const { declared, problems } = declare([{ path, with: 'redact' }]);
    const mask = compiler.compile(declared);
    expect(problems).toEqual([{ key: 'path', message: expect.stringContaining('RFC 9535') as string, offset }]);
    expect(() => mask.apply({ structured: { a: 1 } }, looseTokens)).toThrow(WithheldError);
  });

  it('with more selectors than a tool may have is reported', () => {
    const names = Array.from({ length: 100 }, (_, index) => `'n${String(index)}'`).join();
    const { declared, problems } = declare(Array.from({ length: 6 }, () => ({ path: `$[${names}]`, with: 'redact' })));
    compiler.compile(declared);
    expect(problems).toMatchObject([{ key: 'path', message: expect.stringContaining('500 selectors') as string }]);
  });

  it('is described by its path and what it does', () => {
    const mask = compileMasks(
      { path: '$.a', with: 'redact' },
      { path: '$.b', with: 'redact', label: 'salary' },
      { path: '$.c', with: 'keep-first', count: 2 },
    );
    expect(mask.describe()).toEqual([
      { path: '$.a', action: 'redact' },
      { path: '$.b', action: 'redact [salary]' },
      { path: '$.c', action: 'keep-first 2' },
      { path: 'detect secrets', action: 'mask' },
    ]);
  });
});

describe('an action', () => {
  it.each([
    ['a string', 'secret'],
    ['a number', 42],
    ['a boolean', true],
    ['null', null],
    ['an array', [1, 2]],
    ['an object', { b: 'secret' }],
  ])('redact replaces %s as a whole', (_name, value: Json) => {
    expect(masked({ a: value }, { path: '$.a', with: 'redact' })).toEqual({ a: '[redacted]' });
    expect(masked({ a: value }, { path: '$.a', with: 'redact', label: 'PII' })).toEqual({ a: '[PII]' });
  });

  it('remove leaves members and elements out, and keeps the order of the rest', () => {
    const left = masked(
      { a: 1, b: 2, c: [0, 1, 2] },
      { path: '$.b', with: 'remove' },
      { path: '$.c[0]', with: 'remove' },
    );
    expect(JSON.stringify(left)).toBe('{"a":1,"c":[1,2]}');
  });

  it.each([
    ['4242424242424242', '****4242'],
    [4242424242424242, '****4242'],
    ['12345678', '****5678'],
    ['1234567', '****'],
    ['', '****'],
    ['𝒳𝒳𝒳𝒳𝒴𝒴𝒴𝒴', '****𝒴𝒴𝒴𝒴'],
    ['𝒳𝒳𝒳𝒳', '****'],
    [true, '****'],
    [null, '****'],
    [{ a: '12345678' }, '****'],
  ])('keep-last 4 turns %j into %s: never more than half, never the length', (value, left) => {
    expect(masked({ a: value }, { path: '$.a', with: 'keep-last', count: 4 })).toEqual({ a: left });
  });

  it.each([
    ['+33612345678', '+33****'],
    ['12345', '****'],
    ['𝒳y'.repeat(500), '𝒳y𝒳****'],
  ])('keep-first 3 turns %s into %s', (value, left) => {
    expect(masked({ a: value }, { path: '$.a', with: 'keep-first', count: 3 })).toEqual({ a: left });
  });

  it('hash keeps equal values equal, whatever the order of their members, and different ones apart', () => {
    const hash = (value: Json): Json | undefined => masked({ a: value }, { path: '$.a', with: 'hash' })?.['a'];
    expect(hash('x')).toMatch(/^hash_[a-z2-7]{16}$/);
    expect(hash('x')).toBe(hash('x'));
    expect(hash({ p: 1, q: 2 })).toBe(hash({ q: 2, p: 1 }));
    expect(hash(5)).toBe(hash('5'));
    expect(new Set(['x', 'y', '', null, 0, [], {}].map(hash)).size).toBe(7);
  });

  it.each([
    [['keep-last', 'hash', 'redact', 'remove'], undefined],
    [['redact', 'hash'], '[redacted]'],
    [['hash', 'keep-first'], expect.stringMatching(/^hash_/)],
  ])('of several at one place the strongest takes it: %j', (actions, left) => {
    for (const order of [actions, actions.toReversed()]) {
      const masks = order.map((action) => ({
        path: '$..a',
        with: action,
        ...(action.startsWith('keep') && { count: 1 }),
      }));
      expect(masked({ a: 'abcdef' }, ...masks)?.['a']).toEqual(left);
    }
  });

  it('that shows less wins between two that keep an end', () => {
    const four = { path: '$.a', with: 'keep-last', count: 4 };
    const two = { path: '$.*', with: 'keep-last', count: 2 };
    expect(masked({ a: 'abcdefgh' }, four, two)).toEqual({ a: '****gh' });
    expect(masked({ a: 'abcdefgh' }, two, four)).toEqual({ a: '****gh' });
  });

  it('needs a key of 32 bytes for its hashes', async () => {
    const { maskCompiler } = await import('../../../src/masking/mask-compiler.ts');
    expect(() => maskCompiler({ hashKey: new Uint8Array(16) })).toThrow(RangeError);
  });
});

describe('paths reach', () => {
  it.each([
    ['$["\\u0065mail"]', { email: 'x' }, { email: '[redacted]' }],
    ["$['e\\u006dail']", { email: 'x' }, { email: '[redacted]' }],
    ['$ .email', { email: 'x' }, { email: '[redacted]' }],
    ['$[ ?@.a ]', { p: { a: 1 }, q: { b: 1 } }, { p: '[redacted]', q: { b: 1 } }],
    ['$.*[?@ == $.secret]', { secret: 's', list: ['s', 't'] }, { secret: 's', list: ['[redacted]', 't'] }],
    ['$..[1:3]', { l: [0, 1, 2, 3] }, { l: [0, '[redacted]', '[redacted]', 3] }],
    ['$.l[-1]', { l: [0, 1] }, { l: [0, '[redacted]'] }],
    ['$.__proto__.a', JSON.parse('{"__proto__":{"a":1,"b":2}}'), JSON.parse('{"__proto__":{"a":"[redacted]","b":2}}')],
    ['$.constructor', { b: 1 }, { b: 1 }],
  ] as [string, JsonObject, JsonObject][])('%s in %j', (path, value, left) => {
    expect(JSON.stringify(masked(value, { path, with: 'redact' }))).toBe(JSON.stringify(left));
  });

  it('keeps a member called __proto__ when another one is removed', () => {
    const value = JSON.parse('{"__proto__":{"b":2},"a":1}') as JsonObject;
    expect(JSON.stringify(masked(value, { path: '$.a', with: 'remove' }))).toBe('{"__proto__":{"b":2}}');
  });

  it.each([
    ['$..pw', '{"pw":"s"}', '{"pw":"[redacted]"}'],
    ['$.note.pw', '{"pw":"s"}', '{"pw":"[redacted]"}'],
    ['$..pw', ' [{"pw":"s"}] ', '[{"pw":"[redacted]"}]'],
    ['$..pw', '\ufeff{"pw":"s"}', '{"pw":"[redacted]"}'],
    ['$..pw', '"{\\"pw\\":\\"s\\"}"', '"{\\"pw\\":\\"[redacted]\\"}"'],
    ['$..pw', '{"p\\u0077":"s"}', '{"pw":"[redacted]"}'],
    [
      '$.note[?@.k == 1].v',
      '[{"k":1,"v":2},"{\\"k\\":1,\\"v\\":3}"]',
      '[{"k":1,"v":"[redacted]"},"{\\"k\\":1,\\"v\\":\\"[redacted]\\"}"]',
    ],
    ['$..pw', '{"other": 1.10}', '{"other": 1.10}'],
    ['$..pw', '[12:30] started: "x" y', '[12:30] started: "x" y'],
  ])('%s into JSON text inside a string: %s', (path, note, left) => {
    expect(masked({ note }, { path, with: 'redact' })).toEqual({ note: left });
  });

  it('into several levels of strings, and withholds what lies deeper', () => {
    const nest = (levels: number): string => {
      let text = '{"pw":"s"}';
      for (let level = 1; level < levels; level++) text = JSON.stringify({ in: text });
      return text;
    };
    const redact = { path: '$..pw', with: 'redact' };
    expect(JSON.stringify(masked({ note: nest(4) }, redact))).toContain('[redacted]');
    expect(() => masked({ note: nest(5) }, redact)).toThrow(WithheldError);
  });

  it.each([
    ['https://shop.test/reset?pw=s3cret&page=2', 'https://shop.test/reset?pw=%5Bredacted%5D&page=2'],
    ['/reset?page=2&p%77=s3cret', '/reset?page=2&p%77=%5Bredacted%5D'],
    ['https://shop.test/#pw=s3cret', 'https://shop.test/#pw=%5Bredacted%5D'],
    ['https://shop.test/?q=%E0%A4%A', 'https://shop.test/?q=%E0%A4%A'],
    ['why? because', 'why? because'],
  ])('into the parameters of a URL: %s', (note, left) => {
    expect(masked({ note }, { path: '$..pw', with: 'redact' })).toEqual({ note: left });
  });

  it('and a number that JSON cannot hold exactly leaves as a string where its text is written anew', () => {
    const note = '{"pw":1,"big":12345678901234567890,"exp":1e400,"fine":0.1,"long":1.000000000000000000}';
    expect(masked({ note }, { path: '$..pw', with: 'remove' })).toEqual({
      note: '{"big":"12345678901234567890","exp":"1e400","fine":0.1,"long":1}',
    });
  });

  it.each([
    ['a key given twice', '{"pw":"s","pw":"t"}'],
    ['half a surrogate pair', '{"pw":"\\ud800"}'],
    ['a text that was cut off', '{"pw":"s", "a":'],
    ['a text with comments', '{ "pw": "s" /* note */ }'],
    ['several texts in one', '{"pw":"s"}\n{"pw":"t"}'],
    ['nesting beyond reason', '['.repeat(100) + ']'.repeat(100)],
  ])('or the result is withheld: %s', (_name, note) => {
    expect(() => masked({ note }, { path: '$..pw', with: 'redact' })).toThrow(WithheldError);
  });
});

describe('a masked answer', () => {
  const redact = { path: '$..pw', with: 'redact' };

  it('carries the text twin of the structured content first, and no second one', () => {
    const structured = { pw: 's', n: 1 };
    const twin = { type: 'text', text: JSON.stringify(structured, null, 2) };
    const answer = compileMasks(redact).apply(
      { structured, content: [twin, { type: 'text', text: '{"pw":"t"}' }] },
      looseTokens,
    );
    expect(answer.structured).toEqual({ pw: '[redacted]', n: 1 });
    expect(answer.content).toEqual([
      { type: 'text', text: '{"pw":"[redacted]","n":1}' },
      { type: 'text', text: '{"pw":"[redacted]"}' },
    ]);
    expect(answer.counts).toEqual({ '$..pw': 2 });
  });

  it('counts for each path what it took', () => {
    const answer = compileMasks(
      redact,
      { path: '$.rows[*].id', with: 'hash' },
      { path: '$.none', with: 'remove' },
    ).apply(
      {
        structured: { rows: [{ id: 1, pw: 1 }, { id: 2 }] },
      },
      looseTokens,
    );
    expect(answer.counts).toEqual({ '$..pw': 1, '$.rows[*].id': 2 });
  });

  it('masks text blocks that hold JSON, and leaves them as written where nothing is taken', () => {
    expect(maskedTexts(['{"pw": 1, "a":[ ]}', '{ "a" : 1.10 }'], redact)).toEqual([
      '{"pw":"[redacted]","a":[]}',
      '{ "a" : 1.10 }',
    ]);
  });

  it('lets text without structure through only where the tool has no masks', () => {
    expect(maskedTexts(['All good.'])).toEqual(['All good.']);
    expect(() => maskedTexts(['All good.'], redact)).toThrow(WithheldError);
  });

  it('says that an error’s text is hidden where no mask could be applied to it', () => {
    const content = [{ type: 'text', text: 'password s3cret rejected at db.internal:5432' }];
    const answer = compileMasks(redact).apply({ isError: true, content }, looseTokens);
    expect(answer.isError).toBe(true);
    expect(JSON.stringify(answer)).not.toContain('s3cret');
    expect(answer.content).toHaveLength(1);
  });

  it('masks links and embedded resources, and drops what it does not know of them', () => {
    const answer = compileMasks(redact).apply(
      {
        content: [
          {
            type: 'resource_link',
            uri: 'https://x.test/?pw=s',
            name: 'n',
            _meta: { raw: 's3cret' },
            icons: ['s3cret'],
          },
          { type: 'resource', resource: { uri: 'file:///a?pw=s', text: '{"pw":"s"}', _meta: 's3cret' } },
        ],
      },
      looseTokens,
    );
    expect(answer.content).toEqual([
      { type: 'resource_link', uri: 'https://x.test/?pw=%5Bredacted%5D', name: 'n' },
      { type: 'resource', resource: { uri: 'file:///a?pw=%5Bredacted%5D', text: '{"pw":"[redacted]"}' } },
    ]);
  });

  it.each(['\u00a0', '\ufeff\ufeff', '\u3000\n', '\u2028'])(
    'masks JSON behind white space of any kind: %j',
    (space) => {
      const text = `${space}{"pw":"s3cret"}${space}`;
      expect(masked({ text }, { path: '$..pw', with: 'redact' })).toEqual({ text: '{"pw":"[redacted]"}' });
      expect(maskedTexts([text], redact)).toEqual(['{"pw":"[redacted]"}']);
      expect(masked({ text: `${space}{"pw":1}` }, { path: '$.none', with: 'redact' })).toEqual({
        text: `${space}{"pw":1}`,
      });
      expect(() => masked({ text: `${space}{"pw":"s3` }, { path: '$..pw', with: 'redact' })).toThrow(WithheldError);
    },
  );

  it('masks JSON that stands in the words of a link', () => {
    const link = { type: 'resource_link', uri: 'x:', name: '{"pw":"s3cret"}', description: ' [{"pw":"s3cret"}]' };
    const deep = compileMasks({ path: '$..pw', with: 'redact' }).apply({ content: [link] }, looseTokens);
    expect(deep.content).toEqual([
      { type: 'resource_link', uri: 'x:', name: '{"pw":"[redacted]"}', description: '[{"pw":"[redacted]"}]' },
    ]);
  });

  it.each([
    [{ type: 'image', data: 'AAAA', mimeType: 'image/png' }],
    [{ type: 'audio', data: 'AAAA', mimeType: 'audio/wav' }],
    [{ type: 'resource', resource: { uri: 'x:', blob: 'AAAA' } }],
    [{ type: 'resource', resource: { uri: 'x:', text: 'a', blob: 'AAAA' } }],
    [{ type: 'hologram' }],
    [{ text: 'no type' }],
    [{ type: 'text', text: 7 }],
    [{ type: 'resource_link', uri: 7, name: 'n' }],
    ['text'],
  ] as [Json][])('is withheld for a block that cannot be masked: %j', (block) => {
    expect(() => compileMasks().apply({ content: [block] }, looseTokens)).toThrow(WithheldError);
  });

  it('may hold images, sounds and bytes where the tool says so, and nothing else of them', () => {
    const blocks = [
      { type: 'image', data: 'AAAA', mimeType: 'image/png', _meta: 's3cret', alt: 's3cret' },
      { type: 'audio', data: 'AAA=', mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'x:?pw=s3cret', blob: '', mimeType: 'image/png', _meta: 's3cret' } },
    ];
    const mask = compileMasks({ media: ['image', 'audio', 'blob'], with: 'pass' }, redact);
    expect(mask.describe()).toContainEqual({ path: 'media image', action: 'pass' });
    expect(mask.apply({ content: blocks }, looseTokens).content).toEqual([
      { type: 'image', data: 'AAAA', mimeType: 'image/png' },
      { type: 'audio', data: 'AAA=', mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'x:?pw=%5Bredacted%5D', blob: '', mimeType: 'image/png' } },
    ]);
    const images = compileMasks({ media: ['image'], with: 'pass' });
    for (const block of [...blocks.slice(1), { type: 'image', data: 's3cret words' }, { type: 'image' }]) {
      expect(() => images.apply({ content: [block] }, looseTokens)).toThrow(WithheldError);
    }
  });

  it('is withheld where a path must match and finds nothing', () => {
    const mask = compileMasks({ path: '$.rows[*].email', with: 'redact', mustMatch: true });
    expect(() => mask.apply({ structured: { rows: [{ mail: 'x' }] } }, looseTokens)).toThrow(/must match/);
    expect(mask.apply({ structured: { rows: [{ email: 'x' }] } }, looseTokens).counts).toEqual({
      '$.rows[*].email': 1,
    });
    expect(mask.apply({ isError: true, content: [{ type: 'text', text: 'no' }] }, looseTokens).isError).toBe(true);
  });

  it('has matched where a mask further up took the place as a whole', () => {
    const mask = compileMasks(
      { path: '$.rows', with: 'remove' },
      { path: '$.rows[*].email', with: 'redact', mustMatch: true },
    );
    expect(mask.apply({ structured: { rows: [{ email: 'x' }] } }, looseTokens).structured).toEqual({});
  });

  it('is withheld where it is nested too deep to be sure', () => {
    let deep: Json = 's';
    for (let level = 0; level < 70; level++) deep = { in: deep };
    expect(() => masked({ deep }, redact)).toThrow(WithheldError);
    for (let level = 0; level < 20_000; level++) deep = [deep];
    expect(() => masked({ deep }, redact)).toThrow(WithheldError);
    expect(() => masked({ deep })).toThrow(WithheldError);
  });

  it('is withheld where it is too large', () => {
    expect(() => masked({ text: 'x'.repeat(17_000_000) })).toThrow(/characters/);
    expect(() => maskedTexts(['x'.repeat(9_000_000), 'x'.repeat(9_000_000)])).toThrow(/characters/);
  });

  it('is withheld where a filter cannot be evaluated, without telling a value', () => {
    const mask = compileMasks({ path: '$.rows[?match(@.a, @.pattern)]', with: 'redact' });
    const row = { a: 'x', pattern: 's3cret(' };
    expect(() => mask.apply({ structured: { rows: [row] } }, looseTokens)).toThrow(WithheldError);
    try {
      mask.apply({ structured: { rows: [row] } }, looseTokens);
    } catch (error) {
      expect((error as WithheldError).detail).not.toContain('s3cret');
    }
  });

  it('has neither structure nor text left where `$` itself is removed', () => {
    const answer = compileMasks({ path: '$', with: 'remove' }).apply({ structured: { a: 1 } }, looseTokens);
    expect(answer).toMatchObject({ structured: undefined, content: [] });
    const text = compileMasks({ path: '$', with: 'redact' }).apply({ structured: { a: 1 } }, looseTokens);
    expect(text).toMatchObject({ structured: undefined, content: [{ type: 'text', text: '"[redacted]"' }] });
  });

  it('runs a hostile pattern over hostile data in no time', () => {
    const mask = compileMasks({ path: "$.rows[?match(@.a, '(a*)*b')]", with: 'redact' });
    const before = performance.now();
    mask.apply({ structured: { rows: [{ a: 'a'.repeat(5_000) }] } }, looseTokens);
    expect(performance.now() - before).toBeLessThan(1_000);
  });
});
