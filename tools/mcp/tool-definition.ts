// What an upstream server says of a tool, as it is pinned: texts cleaned, and one hash over all that a model or a client
// could be told of it. Pure.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../src/core/json.ts';
import { cleanJson, cleanText } from './clean-text.ts';
import { UpstreamFault } from './frame-guard.ts';

export interface ToolDefinition {
  /** As the upstream calls it; without invisible characters, or it is none. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema;
  /** The upstream's hints about itself: pinned, and believed by nobody. */
  readonly annotations?: JsonObject;
}

export interface LiveDefinition {
  readonly definition: ToolDefinition;
  readonly hash: string;
  /** Invisible characters stood in its texts. */
  readonly cleaned: boolean;
}

/** What became of the tools of an upstream since they were pinned. */
export interface DefinitionChange {
  readonly name: string;
  readonly change: 'changed' | 'added' | 'removed' | 'shadowing';
}

/** `sha256:` and hex, over the canonical JSON of the definition. */
export function definitionHash(definition: ToolDefinition): string {
  return `sha256:${createHash('sha256')
    .update(canonicalJson(definition as unknown as JsonObject))
    .digest('hex')}`;
}

/** Throws UpstreamFault for a definition that cannot be pinned: nobody could see what it says. */
export function readDefinition(tool: JsonObject): LiveDefinition {
  const { name, title, description, inputSchema, outputSchema, annotations } = tool;
  if (typeof name !== 'string' || name === '' || name.length > 128)
    throw new UpstreamFault('a tool has no usable name');
  if (cleanText(name) !== name) throw new UpstreamFault('the name of a tool holds invisible characters');
  const raw: Record<string, Json> = { name };
  if (typeof title === 'string') raw['title'] = title;
  if (typeof description === 'string') raw['description'] = description;
  if (!isJsonObject(inputSchema)) throw new UpstreamFault(`the tool ${name} has no input schema`);
  raw['inputSchema'] = inputSchema;
  if (isJsonObject(outputSchema)) raw['outputSchema'] = outputSchema;
  if (isJsonObject(annotations)) raw['annotations'] = annotations;
  const definition = cleanJson(raw) as unknown as ToolDefinition;
  return { definition, hash: definitionHash(definition), cleaned: !sameText(raw, definition) };
}

function sameText(raw: Json, definition: unknown): boolean {
  return JSON.stringify(raw) === JSON.stringify(definition);
}

/** Names that a person, or a client that maps them, would take for one another. */
function lookAlike(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '_');
}

/**
 * Holds what an upstream offers now against what was pinned. A name that stands twice, or is taken for a pinned one, shadows
 * it. In the order of the names.
 *
 * @param pinned hashes by name
 */
export function changesSince(
  pinned: ReadonlyMap<string, string>,
  live: readonly LiveDefinition[],
): readonly DefinitionChange[] {
  const changes = new Map<string, DefinitionChange['change']>();
  const seen = new Set<string>();
  const alike = new Map([...pinned.keys()].map((name) => [lookAlike(name), name]));
  for (const { definition, hash } of live) {
    const { name } = definition;
    const known = pinned.get(name);
    const shadowed = alike.get(lookAlike(name));
    if (seen.has(name)) changes.set(name, 'shadowing');
    else if (known === undefined) {
      changes.set(name, 'added');
      if (shadowed !== undefined) changes.set(shadowed, 'shadowing');
    } else if (known !== hash && !changes.has(name)) changes.set(name, 'changed');
    seen.add(name);
  }
  for (const name of pinned.keys()) if (!seen.has(name)) changes.set(name, 'removed');
  return [...changes].map(([name, change]) => ({ name, change })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
