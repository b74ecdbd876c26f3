import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WithheldError } from '../../../src/core/errors.ts';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { DETECTOR_NAMES } from '../../../src/masking/detector.ts';
import { DetectorPass } from '../../../src/masking/detector-pass.ts';
import { shapeOf } from '../../../src/masking/text-shape.ts';
import { DETECTORS } from '../../../src/masking/detectors.ts';
import { compileMasks, masked, maskedTexts, looseTokens } from './support.ts';

/** Put together here, so that no scanner of this repository takes them for leaked ones. */
const key = (prefix: string, length: number, alphabet = 'a1B2c3D4e5F6g7H8'): string =>
  prefix + alphabet.repeat(20).slice(0, length);
const JWT = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', 'dozjgNryP4J3jVmNHl0w5N'].join('.');
const PEM = ['-----BEGIN RSA', ' PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA', ' PRIVATE KEY-----'].join('');

const FOUND: readonly (readonly [(typeof DETECTOR_NAMES)[number], string])[] = [
  ['secrets', PEM],
  ['secrets', JWT],
  ['secrets', key('AKIA', 16, 'ABCDEFGH234567')],
  ['secrets', key('ghp_', 36)],
  ['secrets', key('github_pat_', 40)],
  ['secrets', key('glpat-', 20)],
  ['secrets', key('xoxb-', 40)],
  ['secrets', key('sk_live_', 24)],
  ['secrets', key('sk-proj-', 48)],
  ['secrets', key('AIza', 35)],
  ['secrets', key('npm_', 36)],
  ['secrets', key('hvs.', 30)],
  ['secrets', `https://hooks.slack.com/services/${key('T', 9)}/${key('B', 9)}/${key('', 24)}`],
  ['secrets', 'postgres://app:hunter22@'],
  ['secrets', 'Password=hunter22'],
  ['secrets', `AccountKey=${key('', 40)}`],
  ['email', 'ann.o-neil+x@mail.example.co.uk'],
  ['email', 'ann%40example.com'],
  ['email', 'zoë@bücher.example'],
  ['card', '4242424242424242'],
  ['card', '4242 4242 4242 4242'],
  ['card', '3782-822463-10005'],
  ['iban', 'GB82 WEST 1234 5698 7654 32'],
  ['iban', 'DE89370400440532013000'],
  ['national-number', '536-22-1234'],
  ['national-number', 'AB 12 34 56 C'],
  ['national-number', '2 55 08 14 168 025 38'],
  ['national-number', '12345678Z'],
  ['national-number', 'RSSMRA85T10A562S'],
  ['phone', '+33 6 12 34 56 78'],
  ['phone', '(555) 123-4567'],
  ['phone', '06 12 34 56 78'],
  ['ip', '192.168.10.254'],
  ['ip', '2001:db8::8a2e:370:7334'],
];

const NOT_FOUND: readonly (readonly [(typeof DETECTOR_NAMES)[number], string])[] = [
  ['secrets', 'a sk-iing trip, task-list, npm_config, key-value'],
  ['secrets', 'https://example.com:8080/path@home'],
  ['email', 'the price @ 5.00, npm i left@latest'],
  ['card', '4242424242424243'],
  ['card', '1234567890123'],
  ['card', '0.4242424242424242'],
  ['card', '0000000000000000'],
  ['iban', 'GB82 WEST 1234 5698 7654 33'],
  ['national-number', '000-22-1234'],
  ['national-number', '12345678A'],
  ['phone', 'order 0012345, 2026-01-01, 3.14159'],
  ['ip', '999.1.1.1'],
  ['ip', 'at 12:30:45, std::vector, 1.2.3.4.5'],
];

const mask = (detector: string): JsonObject => ({ detect: [detector], with: 'mask' });

describe('a detector', () => {
  it('exists for every name that a declaration may use', () => {
    expect(DETECTORS.map(({ name }) => name)).toEqual([...DETECTOR_NAMES]);
  });

  it.each(FOUND)('of %s finds %j wherever it stands', (name, text) => {
    const left = masked({ whole: text, within: `see ${text}, please` }, mask(name));
    expect(left).toEqual({
      whole: `[${name.replace('secrets', 'secret')}]`,
      within: expect.not.stringContaining(text) as string,
    });
    expect(maskedTexts([`see ${text}, please`], mask(name))).toEqual([left?.['within']]);
  });

  it.each(NOT_FOUND)('of %s leaves %j alone', (name, text) => {
    expect(masked({ text }, mask(name))).toEqual({ text });
  });

  it.each(FOUND)('looks at every text it finds something in: %s %j', (name, text) => {
    const detector = DETECTORS.find((each) => each.name === name);
    for (const written of [text, JSON.stringify({ text })]) {
      expect(detector?.mayHold(shapeOf(written), written)).toBe(true);
    }
  });

  it('reads what is percent-encoded, and escapes in JSON that is broken', () => {
    const secret = key('ghp_', 36);
    expect(masked({ url: `https://x.test/?q=write%20to%20${secret}&n=1` }, mask('secrets'))).toEqual({
      url: 'https://x.test/?q=write%20to%20%5Bsecret%5D&n=1',
    });
    expect(masked({ path: `/of/%67${secret.slice(1)}` }, mask('secrets'))).toEqual({ path: '/of/[secret]' });
    expect(masked({ text: `"a": nul, "to ann\\u0040example.com"` }, mask('email'))).toEqual({
      text: '"a": nul, "to [email]"',
    });
    const encoded = Buffer.from('to ann@example.com now!!').toString('base64');
    const escaped = encoded.replace(/[a-z]/, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
    expect(masked({ text: `"a": nul, "${escaped}"` }, mask('email'))).toEqual({ text: '"a": nul, "[email]"' });
  });

  it('withholds a result that takes too long', () => {
    const [detector] = DETECTORS;
    let time = 0;
    const slow = () => (time += 6_000);
    const rows = Array.from({ length: 40 }, () => 'a = b '.repeat(200));
    const pass = (now: () => number) => new DetectorPass([{ detector: detector!, mode: 'mask' }], {}, now);
    const look = (now: () => number) => () => pass(now).value(rows, `pwd=${JSON.stringify(rows)}`);
    expect(look(slow)).toThrow(/not done after 10000 ms/);
    expect(look(() => 0)()).toEqual(rows);
  });

  it('leaves tokens and hashes alone, whatever they look like by chance', () => {
    const ibans = Array.from({ length: 5_000 }, (_, index) => {
      const digits = index
        .toString(6)
        .padStart(18, '0')
        .replace(/./g, (digit) => String(Number(digit) + 2));
      return `de22${digits}`;
    }).filter((candidate) => masked({ text: candidate }, mask('iban'))?.['text'] === '[iban]');
    expect(ibans.length).toBeGreaterThan(3);
    for (const iban of ibans) {
      const token = `tok_account_${iban}abcd`;
      expect(masked({ token }, mask('iban'))).toEqual({ token });
    }
  });

  it('of cards stops where the number does', () => {
    expect(masked({ text: '4242 4242 4242 4242 12/27' }, mask('card'))).toEqual({ text: '[card] 12/27' });
    expect(masked({ card: 4242424242424242 }, mask('card'))).toEqual({ card: '[card]' });
  });

  const email = 'ann@example.com';
  it.each([
    ['a member’s name', { [email]: 1, 'ann@example.org': 2 }, { '[email]': 1, '[email] 2': 2 }],
    ['nested JSON', { a: JSON.stringify({ b: email }) }, { a: '{"b":"[email]"}' }],
    ['nested JSON with escapes', { a: '{"b":"ann\\u0040example.com"}' }, { a: '{"b":"[email]"}' }],
    ['full-width letters', { a: 'ann＠example．com' }, { a: '[email]' }],
    ['invisible characters', { a: 'ann@exam\u200bple.com' }, { a: '[email]' }],
    ['base64', { a: `x ${Buffer.from(email).toString('base64')}` }, { a: 'x [email]' }],
    [
      'base64 in a URL',
      { a: `https://x.test/v/${Buffer.from(email).toString('base64')}?k=1` },
      { a: 'https://x.[email]?k=1' },
    ],
    ['base64url', { a: Buffer.from(`~~?>${email}`).toString('base64url') }, { a: '[email]' }],
    ['base64 beside a plain one', { a: `${email} ${Buffer.from(email).toString('base64')}` }, { a: '[email] [email]' }],
    ['full-width letters beside a plain one', { a: `${email} ann＠example．com` }, { a: '[email] [email]' }],
  ] as [string, JsonObject, JsonObject][])('sees through %s', (_name, value, left) => {
    expect(masked(value, mask('email'))).toEqual(left);
  });

  it('that masks secrets is on unless a declaration turns it off', () => {
    expect(masked({ a: JWT })).toEqual({ a: '[secret]' });
    expect(masked({ a: JWT }, { detect: ['secrets'], with: 'off' })).toEqual({ a: JWT });
  });

  it('masks error texts, links and resources too', () => {
    const uri = 'https://app:hunter22@db.test/';
    const answer = compileMasks().apply(
      {
        isError: true,
        content: [
          { type: 'text', text: `cannot connect to ${uri}` },
          { type: 'resource_link', uri, name: uri },
          { type: 'resource', resource: { uri, text: uri } },
        ],
      },
      looseTokens,
    );
    expect(JSON.stringify(answer)).not.toContain('hunter22');
    expect(answer.counts).toEqual({ secrets: 5 });
  });

  it('counts what it finds, withholds a result, or only reports, as declared', () => {
    const value = { a: `${email} or ${email}` };
    const apply = (how: string): { structured: Json | undefined; counts: Json } =>
      compileMasks({ detect: ['email'], with: how }).apply({ structured: value }, looseTokens);
    expect(apply('mask')).toMatchObject({ structured: { a: '[email] or [email]' }, counts: { email: 2 } });
    expect(apply('report')).toMatchObject({ structured: value, counts: { email: 2 } });
    expect(() => apply('withhold')).toThrow(WithheldError);
    expect(() => apply('withhold')).toThrow(/^(?!.*ann@).*email/);
  });

  it('takes the last word where two declarations speak of it', () => {
    expect(masked({ a: email }, mask('email'), { detect: ['email', 'card'], with: 'off' })).toEqual({ a: email });
  });

  it('looks only at what the paths have left', () => {
    const answer = compileMasks({ path: '$.a', with: 'remove' }, mask('email')).apply(
      {
        structured: { a: email, b: 1 },
      },
      looseTokens,
    );
    expect(answer.counts).toEqual({ '$.a': 1 });
  });

  it.each(DETECTORS.map((detector) => [detector.name] as const))('of %s takes hostile text in linear time', (name) => {
    const hostile = [
      'a',
      '1',
      '-',
      '@',
      ':',
      ' ',
      '+',
      'eyJ',
      'AB12',
      '1.',
      'a.',
      '-----BEGIN ',
      '(1',
      '%40',
      'x://',
      '://a:',
    ];
    for (const part of hostile) {
      const text = part.repeat(Math.ceil(100_000 / part.length));
      const before = performance.now();
      masked({ text }, mask(name));
      expect(performance.now() - before, part).toBeLessThan(2_000);
    }
  });
});

describe('detectors that are all on', () => {
  const all = { detect: [...DETECTOR_NAMES], with: 'mask' };

  it('let no planted form out, however it is wrapped', () => {
    const canary = fc.constantFrom(...FOUND.map(([, text]) => text));
    const wrap = fc.constantFrom<(text: string) => Json>(
      (text) => text,
      (text) => `before ${text} after`,
      (text) => JSON.stringify({ in: [text] }),
      (text) => JSON.stringify({ in: JSON.stringify([text]) }),
      (text) => ({ deep: [{ er: text }] }),
      (text) => ({ [text]: true }),
      (text) => Buffer.from(`note: ${text}`).toString('base64'),
      (text) => text.replace(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0)),
      (text) => text.slice(0, 5) + '\u200b' + text.slice(5),
    );
    fc.assert(
      fc.property(canary, wrap, fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Json>), (text, how, rest) => {
        const left = JSON.stringify(
          compileMasks(all).apply({ structured: { ...rest, planted: how(text) } }, looseTokens),
        );
        expect(left).not.toContain(text);
        expect(left).not.toContain(JSON.stringify(how(text)));
      }),
      { numRuns: 3_000 },
    );
  });
});
