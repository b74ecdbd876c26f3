// The RFC 9535 compliance suite (jsonpath-compliance-test-suite, BSD-2), run on the walk that masks.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { looseTokens } from './support.ts';
import { isJsonObject, type Json } from '../../../src/core/json.ts';
import { parseJsonPath } from '../../../src/masking/json-path.ts';
import { maskDocument } from '../../../src/masking/mask-walk.ts';
import { PathAutomaton, type PathState } from '../../../src/masking/path-automaton.ts';

interface Case {
  readonly name: string;
  readonly selector: string;
  readonly document?: Json;
  readonly result_paths?: readonly string[];
  readonly results_paths?: readonly (readonly string[])[];
  readonly invalid_selector?: boolean;
}

const SUITE = new URL('../../../../shared/corpora/jsonpath-cts.json', import.meta.url);
const present = existsSync(SUITE);
if (!present) console.warn(`SKIPPED: the RFC 9535 compliance suite is not at ${SUITE.pathname}`);

describe.skipIf(!present)('the RFC 9535 compliance suite', () => {
  const { tests } = present ? (JSON.parse(readFileSync(SUITE, 'utf8')) as { tests: Case[] }) : { tests: [] };

  it('has all of its 703 cases', () => {
    expect(tests).toHaveLength(703);
  });

  it.each(tests.map((test) => [test.name, test] as const))('%s', (_name, test) => {
    if (test.invalid_selector === true) {
      expect(() => parseJsonPath(test.selector)).toThrow();
      return;
    }
    const expected = (test.results_paths ?? [test.result_paths ?? []]).map((paths) => [...new Set(paths)].sort());
    const document = test.document ?? null;
    const { start } = new PathAutomaton([parseJsonPath(test.selector)], [1]);
    const selected = selectedPlaces(document, start, document, '$');
    expect(expected).toContainEqual([...selected].sort());

    const masks = [{ action: { name: 'mark', strength: 1, apply: () => '[taken]' } }];
    const findings = { taken: [0], found: [false] };
    const left = maskDocument(document, start, masks, findings, looseTokens);
    expect(left).toEqual(withTaken(document, new Set(selected), '$'));
    expect(findings.found[0]).toBe(selected.length > 0);
  });
});

/** Every place whose state is selected, as a normalized path; the walk itself stops at the outermost ones. */
function selectedPlaces(value: Json, state: PathState, root: Json, path: string): string[] {
  const here = state.selected.length > 0 ? [path] : [];
  if (Array.isArray(value)) {
    const elements = value as readonly Json[];
    return here.concat(
      ...elements.map((element, index) =>
        selectedPlaces(
          element,
          state.element(index, elements.length, element, root),
          root,
          `${path}[${String(index)}]`,
        ),
      ),
    );
  }
  if (!isJsonObject(value)) return here;
  return here.concat(
    ...Object.entries(value).map(([name, member]) =>
      selectedPlaces(member, state.member(name, member, root), root, path + normalizedName(name)),
    ),
  );
}

/** The document with its outermost selected places marked. */
function withTaken(value: Json, taken: ReadonlySet<string>, path: string): Json {
  if (taken.has(path)) return '[taken]';
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((element, index) => withTaken(element, taken, `${path}[${String(index)}]`));
  }
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withTaken(member, taken, path + normalizedName(name))]),
  );
}

/** RFC 9535, section 2.7. */
function normalizedName(name: string): string {
  const escaped = JSON.stringify(name).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `['${escaped}']`;
}
