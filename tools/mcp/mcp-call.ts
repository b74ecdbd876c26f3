// One call of an upstream's tool: the definition is compared before it goes out, and what comes back is cleaned, held
// against what was pinned, and bounded.
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { stoppedBy } from '../../src/core/cancelled.ts';
import { connectionProblem } from '../../src/core/connection-problem.ts';
import { BackendError, REFUSALS } from '../../src/core/errors.ts';
import { isJsonObject, type Json } from '../../src/core/json.ts';
import type { Progress, ToolAnswer, ToolCall } from '../../src/core/tool.ts';
import type { ToolLimits } from '../tool-kind.ts';
import { cleanJson, cleanText } from './clean-text.ts';
import type { UpstreamConnection } from './connection.ts';
import type { DefinitionWatch } from './definition-watch.ts';
import { UpstreamFault } from './frame-guard.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamTool {
  readonly backend: string;
  /** As the upstream calls it. */
  readonly name: string;
  readonly readOnly: boolean;
  readonly limits: ToolLimits;
  /** Whether structured content is what was pinned; undefined where nothing was promised. */
  readonly fits: ((structured: Json) => boolean) | undefined;
}

/** Throws BackendError alone. */
export async function callUpstream(
  tool: UpstreamTool,
  upstream: Upstream,
  watch: DefinitionWatch,
  call: ToolCall,
): Promise<ToolAnswer> {
  const { lease, signal } = call;
  if (lease === undefined) {
    throw new BackendError(
      'backend_unavailable',
      `${tool.backend} declares no credential, and a connection lives on a lease`,
    );
  }
  if (signal.aborted) throw stoppedBy(signal);
  let connection: UpstreamConnection;
  try {
    connection = await upstream.connection(lease, signal);
    connection.watchedBy(watch);
    await connection.listed(signal);
  } catch (error) {
    throw notCalled(error, tool, signal);
  }
  const change = watch.change(tool.name);
  if (change !== undefined) {
    const detail = `the upstream's definition of "${tool.name}" is not the pinned one (${change.change}); review it with \`sallyport pin ${tool.backend}\``;
    throw new BackendError('backend_rejected', detail, { words: REFUSALS.tool_changed.words });
  }
  let answer: unknown;
  try {
    answer = await connection.call(tool.name, call.arguments, {
      signal,
      timeoutMs: Math.max(1, call.deadline - Date.now()) + LATE_MS,
      onProgress: call.progress && ((progress) => call.progress?.(cleanProgress(progress))),
    });
  } catch (error) {
    throw callFailed(error, tool, signal, connection.ending);
  }
  return answerOf(answer, tool);
}

/** The deadline of the call comes first. */
const LATE_MS = 1_000;

function answerOf(answer: unknown, tool: UpstreamTool): ToolAnswer {
  if (!isJsonObject(answer)) throw unusable(tool, 'the upstream gave something that is no result');
  if (Buffer.byteLength(JSON.stringify(answer)) > tool.limits.bytes) {
    throw unusable(
      tool,
      `the result has more than ${tool.limits.bytes} bytes`,
      'Its answer is larger than this tool may give; ask for less.',
    );
  }
  const { structuredContent, content, isError } = cleanJson(answer);
  const failed = isError === true;
  if (structuredContent !== undefined && !isJsonObject(structuredContent))
    throw unusable(tool, 'the structured content of the result is not an object');
  if (!failed && tool.fits?.(structuredContent ?? null) === false)
    throw unusable(tool, 'the result is not what the pinned output schema promises');
  return {
    ...(structuredContent === undefined ? {} : { structured: structuredContent }),
    ...(Array.isArray(content) ? { content: content as readonly Json[] } : {}),
    isError: failed,
  };
}

/** The tool ran; a read had no effect, and of a change nobody knows. */
function unusable({ readOnly, name }: UpstreamTool, detail: string, words?: string): BackendError {
  const said = `${name}: ${detail}`;
  if (readOnly) return new BackendError('backend_failed', said, words === undefined ? {} : { words });
  return new BackendError('outcome_unknown', said);
}

function cleanProgress({ progress, total, message }: Progress): Progress {
  return {
    progress,
    ...(total === undefined ? {} : { total }),
    ...(message === undefined ? {} : { message: cleanText(message) }),
  };
}

/** Nothing was asked of the tool yet. */
function notCalled(error: unknown, { backend }: UpstreamTool, signal: AbortSignal): BackendError {
  if (signal.aborted) return stoppedBy(signal);
  if (error instanceof BackendError) return error;
  return new BackendError('backend_unavailable', `${backend}: ${connectFailure(error)}`, { cause: error });
}

/** In words for operators; with nothing of what the upstream said. */
export function connectFailure(error: unknown): string {
  if (error instanceof UpstreamFault) return error.message;
  const { cause } = error as Error;
  const system =
    connectionProblem(error) ?? connectionProblem(cause) ?? connectionProblem((cause as Error | undefined)?.cause);
  if (system !== undefined) return system;
  const answered = error instanceof SdkHttpError ? error : cause;
  if (answered instanceof SdkHttpError) {
    const { status } = answered;
    if (status === 401 || status === 403)
      return `the upstream refuses the credential of the lease (HTTP status ${status})`;
    return `the upstream answered with HTTP status ${status}`;
  }
  if (error instanceof ProtocolError) return `the upstream answered with the JSON-RPC error ${error.code}`;
  if (error instanceof SdkError) return `it cannot be spoken to (${error.code})`;
  return `it cannot be reached (${error instanceof Error ? error.name : typeof error})`;
}

function callFailed(error: unknown, tool: UpstreamTool, signal: AbortSignal, ending: string | undefined): BackendError {
  const { name, readOnly } = tool;
  if (error instanceof ProtocolError)
    return new BackendError('backend_rejected', `${name}: the upstream answered with the JSON-RPC error ${error.code}`);
  if (error instanceof SdkError && error.code === SdkErrorCode.UnsupportedResultType) {
    const detail = `${name}: the upstream asks for input of the caller's (sampling, elicitation, roots), which is refused`;
    return new BackendError('backend_rejected', detail);
  }
  if (error instanceof SdkHttpError && error.status !== undefined && error.status < 500)
    return new BackendError('backend_rejected', `${name}: ${connectFailure(error)}`);
  // From here on nobody knows whether it was done.
  const why = signal.aborted ? stoppedBy(signal).detail : (ending ?? connectFailure(error));
  if (!readOnly) return new BackendError('outcome_unknown', `${name}: ${why}`, { cause: error });
  return signal.aborted ? stoppedBy(signal) : new BackendError('backend_failed', `${name}: ${why}`, { cause: error });
}
