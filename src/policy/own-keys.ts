// Declarations whose keys are partly common, and partly those of a kind, a provider or a mask. Pure.
import { z } from 'zod';
import { didYouMean } from '../core/nearest.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { ProblemPlace, Report } from '../core/problem.ts';
import { parseReporting } from './schema-problems.ts';

type Path = ProblemPlace['path'];
type Raw = Readonly<Record<string, unknown>>;

/** The schema as JSON Schema, as files write it: before defaults and conversions. */
export function writtenSchema(schema: z.ZodType): JsonObject {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonObject;
}

/** The keys a schema knows, whichever of its alternatives has them. */
function keysOf(schema: Json | undefined): string[] {
  if (!isJsonObject(schema)) return [];
  const alternatives = [schema['anyOf'], schema['oneOf'], schema['allOf']].flatMap((one) =>
    Array.isArray(one) ? (one as Json[]) : [],
  );
  return [...Object.keys((schema['properties'] ?? {}) as JsonObject), ...alternatives.flatMap(keysOf)];
}

/** Splits a declaration into common keys and own ones. Reports those that are neither, unless `own` is unknown. */
export function splitKeys(
  raw: Raw,
  common: z.ZodType,
  own: z.ZodType | undefined,
  report: Report,
): { common: Raw; own: Raw } {
  const commonKeys = keysOf(writtenSchema(common));
  const ownKeys = own === undefined ? [] : keysOf(writtenSchema(own));
  const known = [...new Set([...commonKeys, ...ownKeys])];
  for (const key of own === undefined ? [] : Object.keys(raw)) {
    if (known.includes(key)) continue;
    report.error(
      { path: [key], atKey: true },
      `unknown key "${key}"`,
      didYouMean(key, known) ?? `known here: ${known.join(', ')}`,
    );
  }
  const pick = (keys: readonly string[]): Raw =>
    Object.fromEntries(Object.entries(raw).filter(([key]) => keys.includes(key)));
  return { common: pick(commonKeys), own: pick(ownKeys) };
}

export interface ParsedAnyway<Value> {
  /** What could be made of it, so that what depends on it can be checked, too; undefined where nothing could. */
  readonly value: Value | undefined;
  /** There was no problem: `value` is what was written. */
  readonly sound: boolean;
}

/**
 * Parses and reports; then, where there were problems, once more with each wrong value replaced.
 *
 * @param instead stands in for the value at a path; undefined leaves it out
 * @param unresolved paths whose problems have been reported already
 */
export function parseAnyway<Value>(
  schema: z.ZodType<Value>,
  raw: Raw,
  report: Report,
  instead: (path: Path) => { path: Path; value: unknown },
  unresolved: readonly Path[] = [],
): ParsedAnyway<Value> {
  const first = parseReporting(schema, raw, report, unresolved);
  if (first.value !== undefined && unresolved.length === 0) return { value: first.value, sound: true };
  const repaired = structuredClone(raw);
  for (const wrong of [...first.failed, ...unresolved]) {
    const { path, value } = instead(wrong);
    set(repaired, path, value);
  }
  return { value: schema.safeParse(repaired).data, sound: false };
}

function set(root: unknown, path: Path, value: unknown): void {
  const last = path.at(-1);
  const parent = path
    .slice(0, -1)
    .reduce<unknown>(
      (node, step) => (isJsonObject(node) || Array.isArray(node) ? (node as Record<string, unknown>)[step] : undefined),
      root,
    );
  if (last === undefined || typeof parent !== 'object' || parent === null) return;
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else (parent as Record<string, unknown>)[last] = value;
}

/** The example that a schema gives for the value at a path, in its metadata. */
export function exampleAt(schema: z.ZodType, path: Path): unknown {
  const found = path.reduce<Json | undefined>((node, step) => {
    if (!isJsonObject(node)) return undefined;
    const properties = node['properties'];
    return typeof step === 'number' ? node['items'] : isJsonObject(properties) ? properties[step] : undefined;
  }, writtenSchema(schema));
  const examples = isJsonObject(found) ? found['examples'] : undefined;
  return Array.isArray(examples) ? examples[0] : undefined;
}
