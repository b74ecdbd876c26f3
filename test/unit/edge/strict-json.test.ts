import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../../src/core/strict-json.ts';

const parse = (text: string, maxDepth = 64) => parseStrictJson(text, { maxDepth });

/** Any JSON text of a value without the things that are refused. */
const goodValue = fc.jsonValue({ noUnicodeString: false }).filter((value) => {
  const text = JSON.stringify(value);
  return text.isWellFormed() && !text.includes('"__proto__":') && !/\\ud[89a-f]/i.test(text) && isSafe(value);
});

function isSafe(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isSafe);
  return true;
}

describe('parseStrictJson', () => {
  it('agrees with JSON.parse on whatever it accepts', () => {
    fc.assert(
      fc.property(goodValue, fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses exactly the texts that JSON.parse refuses, when nothing else is wrong with them', () => {
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '1',
      '-',
      '.',
      'e',
      '"a"',
      'true',
      'null',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const result = parse(text);
        if (!valid) expect(result.ok).toBe(false);
        else if (!result.ok) expect(result.reason).not.toBe('this is not valid JSON');
      }),
      { numRuns: 5_000 },
    );
  });

  it('finds a key that stands twice, however it is written and wherever the object stands', () => {
    const escape = (key: string) =>
      [...key].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), goodValue, { minKeys: 1, maxKeys: 5, noNullPrototype: true }),
        fc.boolean(),
        fc.nat(3),
        (object, escaped, depth) => {
          const [key = ''] = Object.keys(object).filter((name) => [...name].every((c) => c.length === 1));
          fc.pre(
            !Object.hasOwn(object, '__proto__') &&
              key.isWellFormed() &&
              JSON.stringify(object).isWellFormed() &&
              isSafe(object) &&
              key in object,
          );
          const again = escaped ? `"${escape(key)}"` : JSON.stringify(key);
          const text = `${'['.repeat(depth)}${JSON.stringify(object).slice(0, -1)}, ${again} : 1}${']'.repeat(depth)}`;
          expect(parse(text)).toMatchObject({ ok: false, reason: 'a key stands twice in one object' });
        },
      ),
    );
  });

  it('names the position of the second key', () => {
    expect(parse('{"a":1,"b":{"a":2},"a":3}')).toMatchObject({ ok: false, position: 19 });
  });

  it('takes the same key in different objects for what it is', () => {
    expect(parse('[{"a":{"a":1}},{"a":[{"a":2},{"a":3}]}]').ok).toBe(true);
  });

  it('bounds the depth, and counts arrays and objects alike', () => {
    expect(parse('[[{"a":[]}]]', 4).ok).toBe(true);
    expect(parse('[[{"a":[]}]]', 3)).toMatchObject({ ok: false, position: 7 });
    expect(parse('['.repeat(400_000) + ']'.repeat(400_000))).toMatchObject({ ok: false, position: 64 });
  });

  it.each([
    ['9007199254740991', true],
    ['-9007199254740991', true],
    ['9007199254740992', false],
    ['9007199254740993', false],
    ['-9007199254740993', false],
    ['9007199254740993.0', false],
    ['123456789012345678901234567890', false],
    ['0.1', true],
    ['9007199254740993.5', false],
    ['6.02e23', true],
    ['1E16', true],
    ['1e308', true],
    ['1e309', false],
    ['-1E400', false],
    [`1${'0'.repeat(400)}`, false],
    ['1e-400', true],
    ['-0', true],
  ])('judges the number %s', (number, ok) => {
    expect(parse(number).ok).toBe(ok);
    expect(parse(`{"n":[${number},2]}`).ok).toBe(ok);
  });

  it('refuses half a surrogate pair, raw or escaped, in keys and in values', () => {
    for (const text of ['"\ud800"', '"\\ud800"', '{"\\udc00x":1}', '["ok","\\ude00\\ud83d"]']) {
      expect(parse(text)).toMatchObject({ ok: false, reason: 'a string holds half a surrogate pair' });
    }
    expect(parse('"\\ud83d\\ude00"')).toEqual({ ok: true, value: '😀' });
    expect(parse('"\\\\ud800"')).toEqual({ ok: true, value: '\\ud800' });
  });

  it('refuses __proto__ as a key, however it is written, and nowhere else', () => {
    for (const text of ['{"__proto__":1}', '[{"a":{"\\u005f_proto__":{"admin":true}}}]']) {
      expect(parse(text)).toMatchObject({ ok: false, reason: 'a key is "__proto__"' });
    }
    expect(parse('{"proto":"__proto__","constructor":1}').ok).toBe(true);
  });

  it('says nothing of the text in its reasons', () => {
    for (const text of ['{"secret":sesame}', '{"sesame":1,"sesame":2}', '["sesame", 1e999]', 'sesame']) {
      expect(JSON.stringify(parse(text))).not.toContain('sesame');
    }
  });
});
