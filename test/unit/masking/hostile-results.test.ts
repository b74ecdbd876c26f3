// Results made to keep the broker busy. Each takes minutes where a part of it is looked at once for every other part.
import { describe, expect, it } from 'vitest';
import { parseExactJson } from '../../../src/core/exact-json.ts';
import { masked } from './support.ts';

const MANY = 400_000;
/** A number that a double cannot hold, with a long run of zeros inside. */
const LONG_NUMBER = `0.1${'0'.repeat(MANY)}1`;

describe('a result is read in time that grows with its size alone', () => {
  it.each([
    ['a long number', LONG_NUMBER],
    ['the largest exponent', `1e-${'9'.repeat(MANY)}`],
  ])('with %s', (_what, number) => {
    expect(parseExactJson(`{"n":${number}}`)).toEqual({ n: number });
  });

  it('with a long number in JSON inside a string', () => {
    const left = masked(
      { text: `{"n":${LONG_NUMBER},"email":"ann@example.com"}` },
      { path: '$.text.email', with: 'redact' },
    );
    expect(left).toEqual({ text: JSON.stringify({ n: LONG_NUMBER, email: '[redacted]' }) });
  });

  it.each([
    ['a string that is not closed', `"${String.raw`\"`.repeat(MANY)}1234567890123456`],
    ['a string that ends in a backslash', `"${String.raw`\"`.repeat(MANY)}1234567890123456\\`],
    ['a string with an escaped line break', `"${String.raw`\"`.repeat(MANY)}1234567890123456\\\n`],
  ])('with what begins as JSON and is %s', (_what, text) => {
    expect(masked({ text }, { path: '$.text.email', with: 'redact' })).toEqual({ text });
  });

  it('with names of members that a detector takes, each of them', () => {
    const members = Array.from({ length: MANY / 4 }, (_, index) => [`a${String(index)}@b.co`, index] as const);
    const left = masked(Object.fromEntries(members), { detect: ['email'], with: 'mask' });
    expect(Object.entries(left ?? {}).slice(0, 2)).toEqual([
      ['[email]', 0],
      ['[email] 2', 1],
    ]);
    expect(Object.keys(left ?? {})).toHaveLength(members.length);
  });
});
