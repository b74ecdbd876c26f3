// A second opinion on what is about to leave, by an engine that shares no code with the walk: jsonpath-plus, with script
// evaluation off. Pure. Asked only about paths that both engines read alike, and that were parsed strictly before.
import { JSONPath } from 'jsonpath-plus';
import type { Json } from '../core/json.ts';
import type { AskedPath } from '../core/tool.ts';
import type { JsonPath, Segment } from './json-path.ts';

/** The paths that jsonpath-plus can be asked about: names and wildcards, `..` included; no indexes, slices or filters. */
export function opinionPaths(paths: readonly JsonPath[]): AskedPath[] {
  return paths.flatMap(({ text, segments }) => {
    const parts = segments.map(partOf);
    return parts.length === 0 || parts.includes(undefined) ? [] : [{ text, asked: `$${parts.join('')}` }];
  });
}

/** The first path at which something stands that no mask has put there; undefined where there is none. */
export function rawPath(masked: Json, paths: readonly AskedPath[]): string | undefined {
  return paths.find(({ asked }) => {
    const selected = JSONPath({ path: asked, json: masked as object, eval: false, wrap: true });
    return !Array.isArray(selected) || !selected.every(isMasked);
  })?.text;
}

/** Special to jsonpath-plus are digits, quotes, `^`, `~`, `@`, `` ` ``; and to it every array has a `length`. */
const PLAIN_NAME = /^(?!length$)[A-Za-z_][A-Za-z0-9_]*$/;

function partOf({ descendant, selectors }: Segment): string | undefined {
  const [selector, another] = selectors;
  if (selector === undefined || another !== undefined) return undefined;
  if (selector.kind === 'wildcard') return descendant ? '..*' : '[*]';
  if (selector.kind !== 'name' || !PLAIN_NAME.test(selector.name)) return undefined;
  return descendant ? `..${selector.name}` : `.${selector.name}`;
}

/** What the actions leave: `[label]`, `hash_…`, `tok_…`, and an end beside `****`. */
const MASKED =
  /^(?:\[[\w .-]{1,40}\]|hash_[a-z2-7]{16}|tok_[a-z][a-z0-9-]{0,31}_[a-z2-7]{26}|\*{4}[^]{0,64}|[^]{0,64}\*{4})$/;

function isMasked(value: unknown): boolean {
  return typeof value === 'string' && MASKED.test(value);
}
