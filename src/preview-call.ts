// A look at what a call would do, for the people who are asked about it: doors 5 to 9 for an invocation of its own.
import { CallRecord, type RecordPorts } from './call-record.ts';
import { Stopwatch } from './core/clock.ts';
import type { Permit } from './core/evidence.ts';
import type { InboundToken } from './core/inbound-token.ts';
import type { Tool } from './core/tool.ts';
import { runOnBackend, type BackendPorts } from './run-on-backend.ts';

/**
 * Resolves once its outcome is in the log, whatever it is: its masked result is kept there, and approvers are shown it from
 * there. Rejects with StoreError where the intent could not be written.
 *
 * @param preview of the tool; see `preview` in src/core/tool.ts
 * @param digest of the call that approval is asked for
 * @param inbound its caller's token
 */
export async function previewCall(
  ports: BackendPorts & RecordPorts,
  preview: Tool,
  permit: Permit,
  digest: string,
  inbound: InboundToken | undefined,
  caller: AbortSignal,
): Promise<void> {
  const watch = new Stopwatch(ports.clock);
  const { invocation, decision } = permit;
  const record = new CallRecord(ports, invocation, decision.policyVersion, watch, preview);
  const deadline = ports.clock.now() + preview.timeoutMs;
  const intent = await record.intent(permit, preview, digest, {});
  watch.lap('intent');
  const ending = await runOnBackend(ports, preview, intent, inbound, deadline, caller, watch);
  await record.outcome(preview, ending);
}
