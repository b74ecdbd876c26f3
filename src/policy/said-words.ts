// What a kind tells of a tool may come from the backend itself, which may say there what must not leave. Pure.
import type { CompiledTool } from '../../tools/tool-kind.ts';
import { WithheldError } from '../core/errors.ts';
import type { Report } from '../core/problem.ts';
import type { Mask } from '../core/tool.ts';

type Said = Pick<CompiledTool, 'title' | 'description' | 'inputSchema' | 'outputSchema'>;

/** Its words as far as they may leave. What must be withheld is reported, and the tool is then of no use. */
export function saidSafely(
  mask: Mask,
  { name, title, description, inputSchema, outputSchema }: CompiledTool,
  report: Report,
): Said {
  const said = {
    inputSchema,
    ...(title && { title }),
    ...(description && { description }),
    ...(outputSchema && { outputSchema }),
  };
  try {
    return mask.words(said);
  } catch (error) {
    if (!(error instanceof WithheldError)) throw error;
    report.error({ path: [] }, `what the backend says of ${name} must not leave: ${error.detail}`);
    return { inputSchema: {} };
  }
}
