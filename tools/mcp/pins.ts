// The file of pinned definitions beside the policies: read, written, compared. Pure.
import { diffArrays } from 'diff';
import { z } from 'zod';
import type { Json } from '../../src/core/json.ts';
import { definitionHash, type LiveDefinition, type ToolDefinition } from './tool-definition.ts';

export interface Pins {
  readonly backend: string;
  /** RFC 3339. */
  readonly pinned: string;
  /** By the upstream's name. */
  readonly tools: ReadonlyMap<string, PinnedTool>;
}

export interface PinnedTool {
  readonly hash: string;
  readonly definition: ToolDefinition;
}

const object = z.record(z.string(), z.json());

const fileSchema = z.strictObject({
  version: z.literal(1),
  backend: z.string(),
  pinned: z.iso.datetime(),
  tools: z.record(
    z.string(),
    z.strictObject({
      hash: z.string(),
      definition: z.strictObject({
        name: z.string(),
        title: z.string().optional(),
        description: z.string().optional(),
        inputSchema: object,
        outputSchema: object.optional(),
        annotations: object.optional(),
      }),
    }),
  ),
});

export type ReadPins = { readonly pins: Pins } | { readonly problem: string };

/** What was pinned, or why the file does not say: it is no such file, or somebody has changed it by hand. */
export function readPins(text: string, backend: string): ReadPins {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'this is not JSON' };
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as it was written'}` };
  }
  if (parsed.data.backend !== backend) return { problem: `it pins the tools of "${parsed.data.backend}"` };
  const tools = new Map<string, PinnedTool>();
  for (const [name, { hash, definition }] of Object.entries(parsed.data.tools)) {
    const pinned = definition as unknown as ToolDefinition;
    if (pinned.name !== name || hashOf(pinned) !== hash) return { problem: `"${name}" was changed by hand` };
    tools.set(name, { hash, definition: pinned });
  }
  return { pins: { backend, pinned: parsed.data.pinned, tools } };
}

/** The text of the file; the same definitions at the same time give the same text. */
export function writePins(backend: string, live: readonly LiveDefinition[], now: Date): string {
  const sorted = live.toSorted((a, b) => (a.definition.name < b.definition.name ? -1 : 1));
  const tools = Object.fromEntries(
    sorted.map(({ definition, hash }) => [definition.name, { hash, definition: definition as unknown as Json }]),
  );
  return `${JSON.stringify({ version: 1, backend, pinned: now.toISOString(), tools }, undefined, 2)}\n`;
}

export interface DifferingTool {
  readonly name: string;
  readonly change: 'same' | 'changed' | 'added' | 'removed';
  /** Lines of the definition, of which some went and some came. */
  readonly lines: readonly DiffLine[];
  /** Invisible characters stood in its texts. */
  readonly cleaned: boolean;
}

export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** What pinning the live definitions would change, by name. */
export function comparePins(pins: Pins | undefined, live: readonly LiveDefinition[]): readonly DifferingTool[] {
  const now = new Map(live.map((one) => [one.definition.name, one]));
  const names = [...new Set([...(pins?.tools.keys() ?? []), ...now.keys()])].sort();
  return names.map((name) => {
    const before = pins?.tools.get(name);
    const after = now.get(name);
    const change =
      before === undefined
        ? 'added'
        : after === undefined
          ? 'removed'
          : before.hash === after.hash
            ? 'same'
            : 'changed';
    return {
      name,
      change,
      lines: change === 'same' ? [] : differences(linesOf(before?.definition), linesOf(after?.definition)),
      cleaned: after?.cleaned ?? false,
    };
  });
}

function hashOf(definition: ToolDefinition): string | undefined {
  try {
    return definitionHash(definition);
  } catch {
    return undefined;
  }
}

/** Descriptions by the line, so that one changed word shows as one changed line. */
function linesOf(definition: ToolDefinition | undefined): string[] {
  if (definition === undefined) return [];
  const { name: _, description, ...rest } = definition;
  const words =
    description === undefined ? [] : ['description:', ...description.split('\n').map((line) => `  ${line}`)];
  return [...words, ...JSON.stringify(rest, undefined, 2).split('\n')];
}

function differences(before: string[], after: string[]): readonly DiffLine[] {
  return diffArrays(before, after).flatMap(({ value, added, removed }) =>
    value.map((text): DiffLine => ({ sign: added ? '+' : removed ? '-' : ' ', text })),
  );
}
