import { describe, expect, it } from 'vitest';
import { WithheldError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { parseJsonPath } from '../../../src/masking/json-path.ts';
import { maskAnswer } from '../../../src/masking/mask-answer.ts';
import { PathAutomaton } from '../../../src/masking/path-automaton.ts';
import { opinionPaths, rawPath } from '../../../src/masking/second-opinion.ts';
import { openSecondOpinion } from '../../../src/masking/second-opinion-thread.ts';
import { ALWAYS_SECOND_OPINION_CHARACTERS, MAX_WAITING_OPINIONS } from '../../../src/masking/limits.ts';
import { compileMasks, masked, looseTokens } from './support.ts';

const opinion = (...paths: string[]): ReturnType<typeof opinionPaths> => opinionPaths(paths.map(parseJsonPath));

describe('the second opinion', () => {
  it.each([
    ['$.rows[*].email', '$.rows[*].email'],
    ["$['rows'].*..pw", '$.rows[*]..pw'],
    ['$..*', '$..*'],
  ])('is asked about %s', (path, asked) => {
    expect(opinion(path)).toEqual([{ text: path, asked }]);
  });

  it.each(['$', '$[0]', '$.a[1:2]', '$[?@.a]', "$['a','b']", "$['0']", "$['a`b']", "$['^']", '$..length'])(
    'is not asked about %s, which jsonpath-plus reads otherwise or cannot be trusted with',
    (path) => {
      expect(opinion(path)).toEqual([]);
    },
  );

  it.each([[{ a: 'raw' }], [{ a: 7 }], [{ a: null }], [{ a: {} }], [{ b: { a: [1] } }]] as [JsonObject][])(
    'finds the raw value in %j',
    (value) => {
      expect(rawPath(value, opinion('$..a'))).toBe('$..a');
    },
  );

  it.each([
    [{ with: 'redact', label: 'A label' }],
    [{ with: 'hash' }],
    [{ with: 'remove' }],
    [{ with: 'keep-last', count: 16 }],
    [{ with: 'keep-first', count: 16 }],
  ])('agrees with what %j leaves', (how) => {
    const value = { a: '𝒳'.repeat(40), b: [{ a: 7 }, { a: { a: 'x\ny' } }] };
    expect(() => masked(value, { path: '$..a', ...how })).not.toThrow();
    expect(() => masked(value, { path: '$..*', ...how })).not.toThrow();
  });

  describe('about large results', () => {
    const mask = compileMasks({ path: '$..email', with: 'redact' });
    const padding = 'x'.repeat(ALWAYS_SECOND_OPINION_CHARACTERS);
    const leaving = (structured: JsonObject, by = compileMasks()) => by.apply({ structured }, looseTokens);
    const raw = leaving({ padding, rows: [{ email: 'raw' }] });

    it('is asked on a thread of its own, and finds what is raw', async () => {
      await using opinions = openSecondOpinion({ sample: 1, random: () => 0.99 });
      expect(await opinions.ask(mask, raw)).toBe('$..email');
      expect(await opinions.ask(mask, leaving({ padding, rows: [{ email: 'raw' }] }, mask))).toBeUndefined();
      const text = JSON.stringify([{ padding, email: 'raw' }]);
      const resource = { type: 'resource', resource: { uri: 'x:', text } };
      for (const content of [[{ type: 'text', text }], [{ type: 'text', text: padding }, resource]]) {
        expect(await opinions.ask(mask, compileMasks().apply({ content }, looseTokens))).toBe('$..email');
      }
      expect(await opinions.ask(mask, leaving({ padding }))).toBeUndefined();
    });

    it('is asked about a sample of them', async () => {
      await using opinions = openSecondOpinion({ sample: 0.25, random: () => next });
      let next = 0.25;
      expect(await opinions.ask(mask, raw)).toBeUndefined();
      next = 0.24;
      expect(await opinions.ask(mask, raw)).toBe('$..email');
    });

    it('is not waited for by more than a few', async () => {
      await using opinions = openSecondOpinion({ sample: 1, random: () => 0 });
      const answers = await Promise.all(
        Array.from({ length: MAX_WAITING_OPINIONS + 2 }, () => opinions.ask(mask, raw)),
      );
      expect(answers.filter((path) => path === '$..email')).toHaveLength(MAX_WAITING_OPINIONS);
    });

    it('withholds the result where it fails, and is there again for the next', async () => {
      await using opinions = openSecondOpinion({ sample: 1, random: () => 0 });
      const asked = [{ text: '$..email', asked: '$..[?(@.email)]' }];
      await expect(opinions.ask({ ...mask, asked }, raw)).rejects.toThrow(WithheldError);
      expect(await opinions.ask(mask, raw)).toBe('$..email');
    });
  });

  it('withholds a result of a walk that has missed a place', () => {
    const action = { name: 'redact', strength: 1, apply: () => '[redacted]' };
    const masks = {
      start: new PathAutomaton([parseJsonPath('$.other')], [1]).start,
      paths: [{ path: '$.a', mustMatch: false, action }],
      detectors: [],
      opinions: opinion('$.a'),
      media: new Set<never>(),
    };
    expect(() => maskAnswer({ structured: { a: 's3cret' } }, masks, looseTokens)).toThrow(WithheldError);
    expect(() => maskAnswer({ structured: { a: 's3cret' } }, masks, looseTokens)).toThrow(/disagree/);
    expect(maskAnswer({ structured: { b: 1 } }, masks, looseTokens).structured).toEqual({ b: 1 });
  });
});
