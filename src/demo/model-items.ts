// Reads what an Agents SDK model is given: which tools it called, and the text it was shown for each. Pure.
import type { ModelRequest } from '@openai/agents';

export interface ToolAnswer {
  readonly callId: string;
  readonly tool: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
  readonly text: string;
}

/** The answered tool calls of a request, oldest first. */
export function toolAnswers(request: Pick<ModelRequest, 'input'>): ToolAnswer[] {
  const items = typeof request.input === 'string' ? [] : request.input;
  const asked = new Map(
    items.flatMap((item) => (item.type === 'function_call' ? [[item.callId, item.arguments]] : [])),
  );
  return items.flatMap((item) =>
    item.type === 'function_call_result'
      ? [{ callId: item.callId, tool: item.name, arguments: asked.get(item.callId) ?? '', text: textOf(item.output) }]
      : [],
  );
}

/** Everything a model can read in a request, for searching. */
export function everythingReadable({ systemInstructions, input, tools }: ModelRequest): string {
  return JSON.stringify({ systemInstructions, input, tools });
}

function textOf(output: unknown): string {
  if (typeof output === 'string') return output;
  const parts = (Array.isArray(output) ? output : [output]) as { text?: unknown }[];
  return parts.map((part) => (typeof part.text === 'string' ? part.text : JSON.stringify(part))).join('\n');
}
