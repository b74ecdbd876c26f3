// What must hold for any result and any paths. jsonpath-plus and json-p3 are the oracles: engines that share no code with
// the walk.
import fc from 'fast-check';
import { query } from 'json-p3';
import { JSONPath } from 'jsonpath-plus';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/core/canonical-json.ts';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { compileMasks, looseTokens } from './support.ts';

const NAMES = ['a', 'b', 'email', 'rows', '0', 'x y'];
const name = fc.constantFrom(...NAMES);

/** Values whose every scalar is unlike any other, so that a leak can be seen. */
const document = fc
  .letrec<{ value: Json; object: JsonObject }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('leaf', 1, true, null),
      fc.array(tie('value'), { maxLength: 4 }),
      tie('object'),
    ),
    object: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  }))
  .object.map((object) => numbered(object, { next: 0 }) as JsonObject);

function numbered(value: Json, counter: { next: number }): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((element) => numbered(element, counter));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, numbered(member, counter)]));
  }
  const canary = `canary-${String(counter.next++)}-`;
  return typeof value === 'number' ? 1_000_000_000 + counter.next : canary;
}

const quoted = name.map((text) => `['${text}']`);
/** Selectors that both engines read alike; to jsonpath-plus `['0']` is also an index. */
const segment = fc.oneof(
  { weight: 4, arbitrary: quoted.filter((text) => text !== "['0']") },
  { weight: 2, arbitrary: fc.constant('[*]') },
  { weight: 2, arbitrary: name.filter((text) => /^[a-z]+$/.test(text)).map((text) => `..${text}`) },
  { weight: 1, arbitrary: fc.constant('..*') },
);
/** What only RFC 9535 defines. */
const rfcSegment = fc.oneof(
  segment,
  quoted,
  fc.integer({ min: -3, max: 3 }).map((index) => `[${String(index)}]`),
  fc
    .tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), fc.integer({ min: -2, max: 2 }))
    .map(([start, stop, step]) => `[${String(start)}:${String(stop)}:${String(step)}]`),
  quoted.map((text) => `..[${text.slice(1, -1)}, *]`),
  name.map((text) => `[?@['${text}']]`),
  name.map((text) => `[?@['${text}'] == 'canary-0-']`),
  fc.constant(`..[?length(@) > 1]`),
);
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `$${segments.join('')}`);
const rfcPath = fc.array(rfcSegment, { minLength: 1, maxLength: 4 }).map((segments) => `$${segments.join('')}`);
const action = fc.constantFrom<JsonObject>(
  { with: 'redact' },
  { with: 'remove' },
  { with: 'hash' },
  { with: 'keep-last', count: 1 },
);

function scalarsIn(value: Json | undefined): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(scalarsIn);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(scalarsIn);
  return [String(value)];
}

describe('masks', () => {
  it('leak no scalar that jsonpath-plus selects, in structure or text', () => {
    fc.assert(
      fc.property(document, fc.array(path, { minLength: 1, maxLength: 3 }), action, (structured, paths, how) => {
        const answer = compileMasks(...paths.map((each) => ({ path: each, ...how }))).apply(
          { structured },
          looseTokens,
        );
        const left = JSON.stringify([answer.structured, answer.content]);
        for (const each of paths) {
          const selected = JSONPath({ path: each, json: structured, eval: false, wrap: true }) as Json[];
          for (const scalar of selected.flatMap(scalarsIn)) expect(left).not.toContain(scalar);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('take exactly what json-p3 selects, and leave every other value as it was', () => {
    fc.assert(
      fc.property(document, fc.array(rfcPath, { minLength: 1, maxLength: 3 }), (structured, paths) => {
        const before = canonicalJson(structured);
        const answer = compileMasks(...paths.map((each) => ({ path: each, with: 'redact' }))).apply(
          { structured },
          looseTokens,
        );
        const expected = structuredClone(structured);
        const locations = paths.flatMap((each) => query(each, structuredClone(structured) as never).locations());
        // The outermost first, so that a place inside a taken one is gone by then.
        for (const location of locations.sort((a, b) => a.length - b.length)) redactAt(expected, location);
        expect(canonicalJson(answer.structured ?? null)).toBe(canonicalJson(expected));
        expect(canonicalJson(structured)).toBe(before);
      }),
      { numRuns: 2_000 },
    );
  });

  it('remove exactly what json-p3 selects', () => {
    fc.assert(
      fc.property(document, rfcPath, (structured, each) => {
        const answer = compileMasks({ path: each, with: 'remove' }).apply({ structured }, looseTokens);
        const selected = new Set(
          query(each, structuredClone(structured) as never)
            .values()
            .flatMap((value) => scalarsIn(value as Json)),
        );
        const left = new Set(scalarsIn(answer.structured));
        expect([...left].filter((scalar) => selected.has(scalar))).toEqual([]);
        expect(scalarsIn(structured).filter((scalar) => !left.has(scalar) && !selected.has(scalar))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('reach into JSON text in strings at least as far as if it stood there', () => {
    fc.assert(
      fc.property(document, document, rfcPath, fc.constantFrom('redact', 'remove'), (outer, inner, each, how) => {
        const mask = compileMasks({ path: each, with: how });
        const plain = mask.apply({ structured: { ...outer, rows: inner } }, looseTokens);
        const text = mask.apply({ structured: { ...outer, rows: JSON.stringify(inner) } }, looseTokens);
        const shown = new Set(scalarsIn(plain.structured));
        const left = JSON.stringify([text.structured, text.content]);
        // The two documents number their scalars alike, so only what neither shows is known to be hidden.
        for (const scalar of scalarsIn(inner)) if (!shown.has(scalar)) expect(left).not.toContain(scalar);
      }),
      { numRuns: 1_000 },
    );
  });

  it('change nothing they share with the input, which may be frozen', () => {
    fc.assert(
      fc.property(document, rfcPath, action, (structured, each, how) => {
        const frozen = deepFreeze(structuredClone(structured));
        expect(() => compileMasks({ path: each, ...how }).apply({ structured: frozen }, looseTokens)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

function redactAt(root: JsonObject, location: readonly (string | number)[]): void {
  let at: unknown = root;
  for (const key of location.slice(0, -1)) {
    if (typeof at !== 'object' || at === null) return;
    at = (at as Record<string | number, unknown>)[key];
  }
  const last = location.at(-1);
  if (last !== undefined && typeof at === 'object' && at !== null)
    (at as Record<string | number, unknown>)[last] = '[redacted]';
}

function deepFreeze<Value extends Json>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
