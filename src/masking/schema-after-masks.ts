// The JSON Schema of what masks leave of a value, given the schema of the value. What leaves always satisfies it: where
// that cannot be known, it promises less. Pure.
import { isJsonObject, type Json, type JsonSchema } from '../core/json.ts';
import type { KnownState, PathState } from './path-automaton.ts';

/** Undefined where nothing can be promised. `removes[i]` says whether mask `i` leaves its places out. */
export function schemaAfterMasks(
  before: JsonSchema,
  start: PathState,
  removes: readonly boolean[],
): JsonSchema | undefined {
  if (!start.live && start.selected.length === 0) return before;
  // A reference may point at a part that masks change.
  if (start.selected.length > 0 || holdsReference(before)) return undefined;
  return new SchemaMasking(removes).below(before, { sure: start, possible: start });
}

const REFERENCES = ['$ref', '$dynamicRef', '$id', '$anchor', '$dynamicAnchor'];
/** Masks change neither these nor the container's own type. */
const UNTOUCHED = ['$schema', 'title', 'description', 'type'];
const STRING: JsonSchema = { type: 'string' };

interface Left {
  readonly schema: Json;
  /** `never`, `maybe`, `always` left out. */
  readonly removed: 'never' | 'maybe' | 'always';
}

class SchemaMasking {
  readonly #removes: readonly boolean[];

  constructor(removes: readonly boolean[]) {
    this.#removes = removes;
  }

  /** The schema of a container none of whose masks select itself. */
  below(schema: JsonSchema, state: KnownState): JsonSchema {
    if (!state.possible.live) return schema;
    const left: Record<string, Json> = {};
    for (const key of UNTOUCHED) if (schema[key] !== undefined) left[key] = schema[key];
    const members = this.#members(schema, state);
    const items = schema['prefixItems'] === undefined ? this.#items(schema, state) : {};
    return { ...left, ...members, ...items };
  }

  #members(schema: JsonSchema, state: KnownState): JsonSchema {
    const { properties, required, additionalProperties } = schema;
    const left: Record<string, Json> = {};
    const losable = new Set<Json>();
    if (isJsonObject(properties)) {
      const kept: [string, Json][] = [];
      for (const [name, property] of Object.entries(properties)) {
        const after = this.#child(property, memberOf(state, name));
        if (after.removed !== 'always') kept.push([name, after.schema]);
        if (after.removed !== 'never') losable.add(name);
      }
      left['properties'] = Object.fromEntries(kept);
    }
    if (Array.isArray(required)) {
      const declared = isJsonObject(properties) ? properties : {};
      left['required'] = required.filter(
        (name: Json) => !losable.has(name) && typeof name === 'string' && Object.hasOwn(declared, name),
      );
    }
    if (additionalProperties !== undefined && schema['patternProperties'] === undefined) {
      const after = this.#child(additionalProperties, memberOf(state, undefined));
      left['additionalProperties'] = after.schema;
    }
    return left;
  }

  #items(schema: JsonSchema, state: KnownState): JsonSchema {
    const { items, maxItems } = schema;
    if (items === undefined) return {};
    const element = { sure: state.sure.elementOfAny().sure, possible: state.possible.elementOfAny().possible };
    return { items: this.#child(items, element).schema, ...(maxItems === undefined ? {} : { maxItems }) };
  }

  #child(schema: Json, state: KnownState): Left {
    if (this.#removing(state.sure)) return { schema: false, removed: 'always' };
    const removed = this.#removing(state.possible) ? 'maybe' : 'never';
    if (state.sure.selected.length > 0) return { schema: { ...annotations(schema), ...STRING }, removed };
    const kept = isJsonObject(schema) ? this.below(schema, state) : schema;
    const maySelect = state.possible.selected.some((index) => this.#removes[index] !== true);
    return { schema: maySelect && kept !== false ? { anyOf: [kept, STRING] } : kept, removed };
  }

  #removing(state: PathState): boolean {
    return state.selected.some((index) => this.#removes[index] === true);
  }
}

function memberOf(state: KnownState, name: string | undefined): KnownState {
  return { sure: state.sure.memberOfAny(name).sure, possible: state.possible.memberOfAny(name).possible };
}

function annotations(schema: Json): JsonSchema {
  if (!isJsonObject(schema)) return {};
  const { title, description } = schema;
  return { ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }) };
}

function holdsReference(schema: Json): boolean {
  if (Array.isArray(schema)) return schema.some(holdsReference);
  if (!isJsonObject(schema)) return false;
  return Object.entries(schema).some(([key, value]) => REFERENCES.includes(key) || holdsReference(value));
}
