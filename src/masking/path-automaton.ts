// All paths of a tool as one automaton. A state is what is known at one place of a value: which paths select it, and how
// far every other path has come. States are made when data first reaches them and shared between results.
import type { Json } from '../core/json.ts';
import { indexTakes, sliceTakes, type JsonPath, type Segment, type Selector } from './json-path.ts';
import type { FilterTest } from './json-path-filter.ts';
import { MAX_KEPT_STATES } from './limits.ts';
import { mayBeJson, parseJsonText } from './nested-json.ts';

/** How far one path has come: `segment` is the next one to apply; undefined when the path selects the place. */
interface Position {
  readonly id: number;
  /** Index into the paths. */
  readonly path: number;
  readonly segment: Segment | undefined;
}

interface Step<Test> {
  readonly test: Test;
  readonly to: Position;
}

type PlaceSelector = Extract<Selector, { kind: 'index' | 'slice' }>;

export class PathAutomaton {
  readonly start: PathState;
  readonly #next: readonly Position[];
  readonly #strengths: readonly number[];
  readonly #states = new Map<string, PathState>();

  /** Where several paths select one place, the one with the greatest strength takes it, the first among equals. */
  constructor(paths: readonly JsonPath[], strengths: readonly number[]) {
    this.#strengths = strengths;
    const starts: Position[] = [];
    const positions: Position[] = [];
    for (const [path, { segments }] of paths.entries()) {
      const first = positions.length;
      for (const segment of [...segments, undefined]) positions.push({ id: positions.length, path, segment });
      starts.push(...positions.slice(first, first + 1));
    }
    this.#next = positions.slice(1);
    this.start = this.state(starts);
  }

  /** The position one segment further on the same path. */
  after(position: Position): Position {
    const next = this.#next[position.id];
    if (next === undefined) throw new RangeError('a path has no position after its last');
    return next;
  }

  /** The strongest of these paths, or -1 where there are none. */
  strongest(paths: readonly number[]): number {
    const strength = (path: number): number => this.#strengths[path] ?? 0;
    return paths.reduce((best, path) => (best === -1 || strength(path) > strength(best) ? path : best), -1);
  }

  /** The one state that stands for these positions. */
  state(positions: readonly Position[]): PathState {
    const distinct = [...new Set(positions)].sort((a, b) => a.id - b.id);
    const key = distinct.map(({ id }) => id).join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const made = new PathState(this, distinct);
    if (this.#states.size < MAX_KEPT_STATES) this.#states.set(key, made);
    return made;
  }
}

/** The states of a place: paths that are there whatever the data, and all that may be. */
export interface KnownState {
  readonly sure: PathState;
  readonly possible: PathState;
}

export class PathState {
  /** Indexes of the paths that select this place. */
  readonly selected: readonly number[];
  /** The one of them that takes it, or -1. */
  readonly strongest: number;
  /** Indexes of the paths that may select something below this place. */
  readonly below: readonly number[];
  /** Whether any path can select something below this place. */
  readonly live: boolean;
  /** Members that must be looked at by name. */
  readonly names: readonly string[];
  /** Whether it is enough to look at the members called `names`: others lead nowhere, and no object inherits these. */
  readonly onlyNames: boolean;
  readonly #automaton: PathAutomaton;
  readonly #always: readonly Position[];
  readonly #named = new Map<string, readonly Position[]>();
  readonly #places: readonly Step<PlaceSelector>[];
  readonly #filters: readonly Step<FilterTest>[];
  readonly #members = new Map<string, PathState>();
  #other: PathState | undefined;

  constructor(automaton: PathAutomaton, positions: readonly Position[]) {
    const always: Position[] = [];
    const places: Step<PlaceSelector>[] = [];
    const filters: Step<FilterTest>[] = [];
    const named = new Map<string, Position[]>();
    for (const position of positions) {
      const { segment } = position;
      if (segment === undefined) continue;
      if (segment.descendant) always.push(position);
      const to = automaton.after(position);
      for (const selector of segment.selectors) {
        if (selector.kind === 'wildcard') always.push(to);
        else if (selector.kind === 'filter') filters.push({ test: selector.test, to });
        else if (selector.kind === 'name') named.set(selector.name, [...(named.get(selector.name) ?? []), to]);
        else places.push({ test: selector, to });
      }
    }
    this.selected = positions.filter(({ segment }) => segment === undefined).map(({ path }) => path);
    this.strongest = automaton.strongest(this.selected);
    this.below = positions.filter(({ segment }) => segment !== undefined).map(({ path }) => path);
    this.live = this.below.length > 0;
    // As keys of an object they are the engine's own strings, and comparing them is cheap.
    this.names = Object.keys(Object.fromEntries(named));
    this.onlyNames =
      always.length === 0 && filters.length === 0 && this.names.every((name) => !(name in Object.prototype));
    this.#automaton = automaton;
    this.#always = always;
    this.#named = named;
    this.#places = places;
    this.#filters = filters;
  }

  /** The state of a member of an object at this place. `root` is the document that filters ask about. */
  member(name: string, value: Json, root: Json): PathState {
    if (this.#filters.length > 0) {
      return this.#automaton.state([...this.#always, ...(this.#named.get(name) ?? []), ...this.#taken(value, root)]);
    }
    const known = this.#members.get(name);
    if (known !== undefined) return known;
    const named = this.#named.get(name);
    if (named === undefined) return this.#unnamed();
    const made = this.#automaton.state([...this.#always, ...named]);
    this.#members.set(name, made);
    return made;
  }

  /** The state of an element of an array at this place. */
  element(index: number, length: number, value: Json, root: Json): PathState {
    if (this.#places.length === 0 && this.#filters.length === 0) return this.#unnamed();
    const places = this.#places.filter(({ test }) =>
      test.kind === 'index' ? indexTakes(test.index, index, length) : sliceTakes(test, index, length),
    );
    if (places.length === 0 && this.#filters.length === 0) return this.#unnamed();
    return this.#automaton.state([...this.#always, ...places.map(({ to }) => to), ...this.#taken(value, root)]);
  }

  /** For schemas: what is known of a member whatever the data; `name` undefined stands for any member not named elsewhere. */
  memberOfAny(name: string | undefined): KnownState {
    const sure = [...this.#always, ...(name === undefined ? [] : (this.#named.get(name) ?? []))];
    const doubtful = [
      ...(name === undefined ? [...this.#named.values()].flat() : []),
      ...this.#filters.map(({ to }) => to),
    ];
    return { sure: this.#automaton.state(sure), possible: this.#automaton.state([...sure, ...doubtful]) };
  }

  /** For schemas: what is known of an element whatever the data. */
  elementOfAny(): KnownState {
    const doubtful = [...this.#places, ...this.#filters].map(({ to }) => to);
    return { sure: this.#unnamed(), possible: this.#automaton.state([...this.#always, ...doubtful]) };
  }

  #unnamed(): PathState {
    return (this.#other ??= this.#automaton.state(this.#always));
  }

  #taken(value: Json, root: Json): Position[] {
    // A candidate that is JSON text is asked about as it is, and as what it holds.
    const held = typeof value === 'string' && mayBeJson(value) ? parseJsonText(value) : undefined;
    return this.#filters
      .filter(({ test }) => test(value, root) || (held !== undefined && test(held, root)))
      .map(({ to }) => to);
  }
}
