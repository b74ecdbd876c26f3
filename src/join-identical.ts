// A call that runs already, or whose reply never reached its caller, is not made a second time: the identical one gets its reply.
import type { CallRecord } from './call-record.ts';
import type { Reply } from './core/broker.ts';
import { firstOf } from './core/deadline.ts';
import { refuse, StoreError, type Refusal } from './core/errors.ts';
import type { Decision } from './core/invocation.ts';
import type { RepeatedCalls } from './core/repeated-calls.ts';
import type { Tool } from './core/tool.ts';
import { whyStopped } from './run-on-backend.ts';

/**
 * Undefined where there is no such call, and for what is only read: that may be made again. Waits for it as long as the tool
 * may take, or until `present` is aborted.
 */
export async function joinIdentical(
  repeated: RepeatedCalls,
  tool: Tool,
  decision: Decision,
  digest: string,
  record: CallRecord,
  present: AbortSignal,
): Promise<Reply | undefined> {
  if (tool.annotations.readOnly) return undefined;
  using limited = firstOf([present], tool.timeoutMs);
  const followed = await repeated.follow(digest, limited.signal).catch((reason: unknown) => reason as Error);
  if (followed instanceof StoreError) return record.unlogged(followed);
  if (followed instanceof Error) return await record.refused(stillRunning(limited.signal), decision);
  return followed.kind === 'none' ? undefined : await record.joined(tool, followed);
}

function stillRunning(signal: AbortSignal): Refusal {
  const why = whyStopped(signal);
  return refuse(why === 'deadline_exceeded' ? 'still_running' : why);
}
