// Secretlint's recommended rules, as the oracle of the detector of secrets: what they find, it finds.
import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DetectorPass } from '../../../src/masking/detector-pass.ts';
import { SECRETS } from '../../../src/masking/secret-detector.ts';

/** Of a rule, what is used here. `content` is asked for `matchAll` alone while patterns are looked for. */
interface Rule {
  readonly meta: { readonly id: string };
  create(
    context: { createTranslator(): () => object; report(found: object): void; ignore(): void },
    options: object,
  ): { file(source: { content: string | { matchAll(pattern: RegExp): [] }; filePath: string }): unknown };
}

/** Reads the file itself; and takes comments in the text for its orders. */
const NOT_OF_TEXT = ['gcp', 'filter-comments'];
/** One rule reads other patterns in files of this name. */
const FILES = ['', '.npmrc'];

const RULES = (rules as readonly Rule[]).map((rule) => ({
  rule,
  name: rule.meta.id.replace('@secretlint/secretlint-rule-', ''),
}));

function patternsOf(rule: Rule): readonly RegExp[] {
  const patterns = new Map<string, RegExp>();
  const context = { createTranslator: () => () => ({}), report: () => undefined, ignore: () => undefined };
  const matchAll = (pattern: RegExp): [] => {
    patterns.set(pattern.source, pattern);
    return [];
  };
  for (const filePath of FILES) rule.create(context, {}).file({ content: { matchAll }, filePath });
  return [...patterns.values()];
}

function isFoundBy(rule: Rule, content: string): boolean {
  let found = false;
  const report = (): void => {
    found = true;
  };
  const context = { createTranslator: () => () => ({}), report, ignore: () => undefined };
  for (const filePath of FILES) rule.create(context, {}).file({ content, filePath });
  return found;
}

/** Texts that the pattern matches, but for what stands around them. */
function textsOf(name: string, pattern: RegExp): fc.Arbitrary<string> {
  const texts = fc.stringMatching(new RegExp(`^${pattern.source.replace(/\(\?<?![^)]*\)|\\b/g, '')}$`));
  const special = SPECIAL[name];
  return special === undefined ? texts : texts.map(special);
}

/** What rules also ask of a text that their pattern matches. */
const SPECIAL: Readonly<Record<string, (text: string) => string>> = {
  // DER.
  privatekey: (text) => text.replace(/(?<=KEY(?: BLOCK)?-----)[^-]*/, (key) => `MI${key.replace(/[\s\\=]/g, 'A')}`),
  sendgrid: (text) => `${text}${'x'.repeat(69)}`.slice(0, 69),
  // JSON in base64.
  '1password': (text) => `ops_${Buffer.from(JSON.stringify({ email: text, keys: [{}] })).toString('base64')}`,
};

function left(text: string): string {
  return new DetectorPass([{ detector: SECRETS, mode: 'mask' }], {}).text(text);
}

describe('the detector of secrets finds what is found by the rule', () => {
  for (const { rule, name } of RULES) {
    if (NOT_OF_TEXT.includes(name)) continue;
    const patterns = patternsOf(rule);
    it(`${name}: it has patterns`, () => {
      expect(patterns.length).toBeGreaterThan(0);
    });
    it.each(patterns.map((pattern) => [String(pattern), pattern] as const))(`${name}: %s`, (_, pattern) => {
      let found = 0;
      const around = fc.constantFrom('', ' ', '"', '=', '_', '1', ': ', '\n', 'see ', 'aé ');
      fc.assert(
        fc.property(around, textsOf(name, pattern), around, (before, secret, after) => {
          const text = before + secret + after;
          if (!isFoundBy(rule, text)) return;
          found++;
          const masked = left(text);
          expect(isFoundBy(rule, masked), masked).toBe(false);
          // Nor does its end stay, where one of our forms is shorter than theirs.
          const [match] = text.matchAll(pattern);
          const password = match?.groups?.['password'] ?? match?.[0] ?? secret;
          if (password.length >= 8) expect(masked).not.toContain(password.slice(-16));
        }),
        { numRuns: 100 },
      );
      expect(found).toBeGreaterThan(10);
    });
  }
});
