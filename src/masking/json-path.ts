// JSONPath (RFC 9535) as data: parsed strictly by json-p3, then turned into segments that the walk understands. Pure.
import { jsonpath } from 'json-p3';
import { filterTest, jsonPathEnvironment, type FilterTest } from './json-path-filter.ts';
import { MAX_PATH_CHARACTERS, MAX_PATH_SEGMENTS } from './limits.ts';

export interface JsonPath {
  readonly text: string;
  readonly segments: readonly Segment[];
}

/** A child segment, or a descendant segment (`..`), with the union of its selectors. */
export interface Segment {
  readonly descendant: boolean;
  readonly selectors: readonly Selector[];
}

export type Selector =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly start?: number; readonly stop?: number; readonly step: number }
  | { readonly kind: 'filter'; readonly test: FilterTest };

/** A text that is not a JSONPath. `offset` is where in it, in UTF-16 units. */
export class JsonPathError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'JsonPathError';
    this.offset = offset;
  }
}

const environment = jsonPathEnvironment();

/** Parses exactly what RFC 9535 allows, within the limits. Throws JsonPathError for anything else. */
export function parseJsonPath(text: string): JsonPath {
  if (text.length > MAX_PATH_CHARACTERS) {
    throw new JsonPathError(`a path may have ${String(MAX_PATH_CHARACTERS)} characters at most`, MAX_PATH_CHARACTERS);
  }
  try {
    const segments = environment.compile(text).segments.map(segmentOf);
    if (segments.length > MAX_PATH_SEGMENTS) {
      throw new JsonPathError(`a path may have ${String(MAX_PATH_SEGMENTS)} segments at most`, text.length);
    }
    return { text, segments };
  } catch (cause) {
    if (!(cause instanceof jsonpath.JSONPathError)) throw cause;
    const offset = Math.min(cause.token.index, text.length);
    throw new JsonPathError(offset === text.length ? 'it ends too early' : withoutExcerpt(cause.message), offset);
  }
}

/** json-p3 ends its messages in ` ('excerpt':offset)`; the place is reported with the file's own line and column. */
function withoutExcerpt(message: string): string {
  return message.replace(/ \('[^]{0,9}':\d+\)$/, '');
}

function segmentOf(segment: jsonpath.JSONPathSegment): Segment {
  return {
    descendant: segment.token.kind === jsonpath.TokenKind.DDOT,
    selectors: segment.selectors.map(selectorOf),
  };
}

function selectorOf(selector: jsonpath.JSONPathSelector): Selector {
  const { FilterSelector, IndexSelector, NameSelector, SliceSelector, WildcardSelector } = jsonpath.selectors;
  if (selector instanceof NameSelector) return { kind: 'name', name: selector.name };
  if (selector instanceof WildcardSelector) return { kind: 'wildcard' };
  if (selector instanceof IndexSelector) return { kind: 'index', index: selector.index };
  if (selector instanceof SliceSelector) {
    return {
      kind: 'slice',
      ...(selector.start === undefined ? {} : { start: selector.start }),
      ...(selector.stop === undefined ? {} : { stop: selector.stop }),
      step: selector.step ?? 1,
    };
  }
  if (selector instanceof FilterSelector) return { kind: 'filter', test: filterTest(selector) };
  throw new jsonpath.JSONPathSyntaxError('this selector is not part of RFC 9535', selector.token);
}

/** Whether an index selector takes this element of an array of this length (RFC 9535, section 2.3.3). */
export function indexTakes(selected: number, index: number, length: number): boolean {
  return selected === index || selected + length === index;
}

/** Whether a slice selector takes this element of an array of this length (RFC 9535, section 2.3.4). */
export function sliceTakes(slice: Extract<Selector, { kind: 'slice' }>, index: number, length: number): boolean {
  const { step } = slice;
  if (step === 0) return false;
  const normal = (bound: number): number => (bound < 0 ? bound + length : bound);
  if (step > 0) {
    const lower = Math.min(Math.max(normal(slice.start ?? 0), 0), length);
    const upper = Math.min(Math.max(normal(slice.stop ?? length), 0), length);
    return index >= lower && index < upper && (index - lower) % step === 0;
  }
  const upper = Math.min(Math.max(normal(slice.start ?? length - 1), -1), length - 1);
  const lower = slice.stop === undefined ? -1 : Math.min(Math.max(normal(slice.stop), -1), length - 1);
  return index <= upper && index > lower && (upper - index) % -step === 0;
}
