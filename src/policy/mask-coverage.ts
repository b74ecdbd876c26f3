// Warnings about mask paths that find nothing in what a backend is described to answer. Pure.
import { jsonpath } from 'json-p3';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../core/json.ts';
import type { ProblemPlace, Report } from '../core/problem.ts';

interface MaskPlace {
  readonly path: string;
  readonly place: ProblemPlace['path'];
}

/** Thrown where a description leaves open what may stand somewhere: then nothing can be said of any path. */
class LeftOpen extends Error {}

/**
 * Warns of a path that can find nothing in the answer of any tool it masks. It stays in force: descriptions are no promises.
 *
 * @param expected one for each tool that the declaration makes; undefined where its answer is not described
 */
export function warnOfIdleMasks(
  masks: readonly MaskPlace[],
  expected: readonly (JsonSchema | undefined)[],
  report: Report,
): void {
  // Filters ask for values, and indexes for how many there are: of these a description says nothing.
  const judged = masks.filter(({ path }) => !/\?|\[\s*-?\d/.test(path));
  if (judged.length === 0 || expected.length === 0) return;
  const answers: Json[] = [];
  try {
    for (const schema of expected) answers.push(fullest(schema));
  } catch (error) {
    if (error instanceof LeftOpen) return;
    throw error;
  }
  for (const { path, place } of judged) {
    if (answers.some((answer) => finds(path, answer))) continue;
    const hint = 'see whether the path is right; it stays in force';
    report.warning({ path: place }, 'nothing in the answer, as the backend describes it, is at this path', hint);
  }
}

function finds(path: string, answer: Json): boolean {
  try {
    return jsonpath.query(path, answer as Parameters<typeof jsonpath.query>[1]).length > 0;
  } catch {
    // What is wrong with the path itself is reported where masks are compiled.
    return true;
  }
}

/** A value in which everything is there that a schema speaks of. Throws LeftOpen. */
function fullest(schema: JsonSchema | undefined): Json {
  if (schema === undefined) throw new LeftOpen();
  const alternatives = ['oneOf', 'anyOf', 'allOf'].flatMap(
    (keyword) => (schema[keyword] ?? []) as readonly JsonSchema[],
  );
  const parts = alternatives.map(fullest);
  const { properties, items, additionalProperties, type } = schema;
  if (isJsonObject(items)) parts.push([fullest(items)]);
  if (isJsonObject(properties)) {
    parts.push(
      Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, fullest(part as JsonSchema)])),
    );
  }
  const types = [type].flat();
  const isOpen = isJsonObject(additionalProperties) || additionalProperties === true;
  if (isOpen || (parts.length === 0 && (type === undefined || types.includes('object') || types.includes('array')))) {
    throw new LeftOpen();
  }
  return parts.reduce<Json>((all, part) => (isJsonObject(all) && isJsonObject(part) ? merged(all, part) : part), null);
}

function merged(one: JsonObject, other: JsonObject): JsonObject {
  const both = Object.entries(other).map(([name, part]) => {
    const known = Object.hasOwn(one, name) ? one[name] : undefined;
    return [name, isJsonObject(known) && isJsonObject(part) ? merged(known, part) : part] as const;
  });
  return { ...one, ...Object.fromEntries(both) };
}
