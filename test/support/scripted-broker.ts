// A Broker whose tools do what a test says, for tests of the edge alone. It keeps every call and what became of its reply.
import type { Broker, Call, Reply } from '../../src/core/broker.ts';
import { refuse } from '../../src/core/errors.ts';
import { Masked } from '../../src/core/evidence.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Tool } from '../../src/core/tool.ts';

export type Answer =
  | { readonly refusal: ReturnType<typeof refuse> }
  | { readonly structured?: JsonObject; readonly content?: readonly Json[]; readonly isError?: boolean };

export interface ScriptedTool extends Partial<
  Pick<Tool, 'title' | 'description' | 'inputSchema' | 'outputSchema' | 'annotations'>
> {
  readonly run: (call: Call) => Promise<Answer> | Answer;
}

export class ScriptedBroker implements Broker {
  readonly calls: Call[] = [];
  readonly delivered: string[] = [];
  readonly #tools: ReadonlyMap<string, ScriptedTool>;

  constructor(tools: Readonly<Record<string, ScriptedTool>>) {
    this.#tools = new Map(Object.entries(tools));
  }

  async list(): Promise<readonly Tool[]> {
    return [...this.#tools].map(([name, tool]) => toolOf(name, tool));
  }

  async invoke(call: Call): Promise<Reply> {
    this.calls.push(call);
    const invocation = `invocation-${String(this.calls.length)}`;
    const delivered = (): void => void this.delivered.push(invocation);
    const tool = this.#tools.get(call.tool);
    const answer = tool === undefined ? { refusal: refuse('unknown_tool') } : await tool.run(call);
    if ('refusal' in answer) return { kind: 'refusal', invocation, refusal: answer.refusal, delivered };
    const text = answer.structured === undefined ? [] : [{ type: 'text', text: JSON.stringify(answer.structured) }];
    const result = Masked.through({
      structured: answer.structured,
      content: answer.content ?? text,
      isError: answer.isError ?? false,
      counts: {},
    });
    return { kind: 'result', invocation, result, delivered };
  }
}

function toolOf(name: string, tool: ScriptedTool): Tool {
  const unused = (): never => {
    throw new Error('the edge asked a tool for what is the pipeline’s to ask');
  };
  return {
    name,
    title: tool.title,
    description: tool.description,
    backend: { name: 'test', kind: 'test', definitionHash: '', resolvedHash: new Secret(''), credential: undefined },
    definitionHash: '',
    inputSchema: tool.inputSchema ?? { type: 'object' },
    outputSchema: tool.outputSchema,
    annotations: tool.annotations ?? { readOnly: true, destructive: false, idempotent: true },
    timeoutMs: 1_000,
    validate: unused,
    mask: { apply: unused, words: unused, asked: [], describe: unused },
    maskArguments: unused,
    call: unused,
  };
}
