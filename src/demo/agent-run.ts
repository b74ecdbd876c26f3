// Runs the demo's agent, and follows each of its calls through the log. Effectful.
import { Agent, Runner } from '@openai/agents';
import type { MCPServer, Model } from '@openai/agents';
import { followCall } from './followed-call.ts';
import type { FollowedCall, LoggedEntry } from './followed-call.ts';
import { everythingReadable, toolAnswers } from './model-items.ts';
import { observed } from './observed-model.ts';

export interface AgentTask {
  readonly name: string;
  readonly instructions: string;
  readonly task: string;
  readonly model: Model;
  readonly server: MCPServer;
  /** All of the log, oldest first. */
  readonly readLog: () => Promise<readonly LoggedEntry[]>;
  /** Told of each call once its answer is there, before the model sees it. */
  readonly onCall: (call: FollowedCall) => void;
  readonly signal: AbortSignal;
}

export interface AgentRun {
  readonly calls: readonly FollowedCall[];
  /** All that the model was given to read, in every turn. */
  readonly seen: string;
  readonly said: string;
}

/** Connects, runs the task to its end and disconnects. Rejects when the broker or the model fails. */
export async function runAgent(task: AgentTask): Promise<AgentRun> {
  const calls: FollowedCall[] = [];
  const seen: string[] = [];
  const told = new Set<string>();
  let lastSeq = (await task.readLog()).at(-1)?.seq ?? 0;

  const model = observed(task.model, async (request) => {
    seen.push(everythingReadable(request));
    for (const answer of toolAnswers(request)) {
      if (told.has(answer.callId)) continue;
      told.add(answer.callId);
      const log = await task.readLog();
      const written = log.filter((entry) => entry.seq > lastSeq);
      lastSeq = log.at(-1)?.seq ?? lastSeq;
      const { tool, text, arguments: asked } = answer;
      const call = followCall({ tool, arguments: asked, shown: text }, written, log);
      calls.push(call);
      task.onCall(call);
    }
  });

  const { name, instructions, server, signal } = task;
  // One call at a time, so that what the log gains belongs to it.
  const agent = new Agent({
    name,
    instructions,
    model,
    mcpServers: [server],
    modelSettings: { parallelToolCalls: false },
  });
  await server.connect();
  try {
    const runner = new Runner({ tracingDisabled: true, traceIncludeSensitiveData: false });
    const { finalOutput } = await runner.run(agent, task.task, { signal });
    return { calls, seen: seen.join('\n'), said: finalOutput ?? '' };
  } finally {
    await server.close();
  }
}
