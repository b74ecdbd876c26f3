// The argument by which an agent says why it makes a call that a person must approve. Rules ask for it; no backend sees it. Pure.
import type { JsonObject } from '../core/json.ts';
import type { Tool } from '../core/tool.ts';

const NAME = 'justification';
/** A person reads it. */
const MAX_CHARACTERS = 2_000;

const SCHEMA = {
  type: 'string',
  maxLength: MAX_CHARACTERS,
  description: 'Why this call is needed, for the person who must approve it. Required where a person must.',
} as const;

/** Whether a tool has an argument of its own that is called so. */
export function hasOwnJustification({ inputSchema }: Tool): boolean {
  const { properties } = inputSchema;
  return typeof properties === 'object' && properties !== null && Object.hasOwn(properties, NAME);
}

/** The tool with one more argument, which may be left out: whether a person must be asked depends on the others. */
export function withJustification(tool: Tool): Tool {
  return Object.freeze<Tool>({
    ...tool,
    takesJustification: true,
    inputSchema: {
      ...tool.inputSchema,
      properties: { ...(tool.inputSchema['properties'] as JsonObject | undefined), [NAME]: SCHEMA },
    },
    validate(args) {
      const { [NAME]: justification, ...others } = args;
      const fits =
        justification === undefined || (typeof justification === 'string' && justification.length <= MAX_CHARACTERS);
      const misfit = `${NAME}: must be a string of at most ${String(MAX_CHARACTERS)} characters`;
      return [...(fits ? [] : [misfit]), ...tool.validate(others)];
    },
  });
}

/** What the backend and the decision see, and what a person is told. Nothing is taken from a tool that no rule added it to. */
export function splitJustification(
  tool: Tool | undefined,
  args: JsonObject,
): { readonly args: JsonObject; readonly justification: string | undefined } {
  if (tool?.takesJustification !== true) return { args, justification: undefined };
  const { [NAME]: justification, ...others } = args;
  const said = typeof justification === 'string' && justification.trim() !== '';
  return { args: others, justification: said ? justification : undefined };
}
