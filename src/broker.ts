// THE pipeline. `invoke` is read from top to bottom: each step needs what only the step before can make.
import type { KeyObject } from 'node:crypto';
import { approveCall, type Answered } from './approve-call.ts';
import { Arrivals, type ArrivalPorts } from './arrivals.ts';
import { CallRecord } from './call-record.ts';
import type { Approvals } from './core/approvals.ts';
import type { Broker, Call, Reply } from './core/broker.ts';
import type { Stopwatch } from './core/clock.ts';
import { bounded, firstOf } from './core/deadline.ts';
import { callDigest } from './core/digest.ts';
import { refuse, type Refusal } from './core/errors.ts';
import type { Intent } from './core/evidence.ts';
import type { Invocation } from './core/invocation.ts';
import type { Passage, Switches } from './core/switches.ts';
import { Conflict, type Change } from './core/store.ts';
import { decide, permitFor, visibleTool, visibleTools } from './policy/decide.ts';
import { joinIdentical } from './join-identical.ts';
import { splitJustification } from './policy/justification.ts';
import { denied, unfit } from './policy/refusals.ts';
import { runOnBackend, type BackendPorts } from './run-on-backend.ts';

export interface Ports extends ArrivalPorts, BackendPorts {
  readonly approvals: Approvals;
  readonly switches: Switches;
  /** Key of the digests; see src/core/digest.ts. */
  readonly digestKey: KeyObject;
}

export interface RunningBroker extends Broker {
  /** Refuses new calls, lets running ones finish for `graceMs`, then stops them. Resolves when none runs any more. */
  drain(graceMs: number): Promise<void>;
}

export function createBroker(ports: Ports): RunningBroker {
  const { clock } = ports;
  const arrivals = new Arrivals(ports);
  const recording = { ...ports, closing: arrivals.closing };

  /** @param present aborted when the caller cancels or goes away, when an operator stops it, and when the broker shuts down */
  async function passTheDoors(
    call: Call,
    arrived: Invocation,
    passage: Passage,
    present: AbortSignal,
    watch: Stopwatch,
  ): Promise<Reply> {
    const { principal } = call;
    const policies = ports.policies();
    const tool = visibleTool(policies, principal, call.tool);
    const { args, justification } = splitJustification(tool, call.arguments);
    const invocation: Invocation = { ...arrived, arguments: args };
    // A tool that this caller does not see masks its arguments all the same.
    const record = new CallRecord(recording, invocation, policies.version, watch, policies.tools.get(call.tool));

    // 2. Bound and parse; what an operator has switched off is not looked at any further.
    if (tool !== undefined) passage.reach(tool.backend.name);
    const off = await switchedOff(passage);
    if (off !== undefined) return off instanceof Error ? record.unlogged(off) : record.refused(off);
    if (tool === undefined) return record.refused(refuse('unknown_tool'));
    if (tool.available?.() === false) return record.refused(refuse('tool_changed'));
    const misfits = tool.validate(call.arguments);
    if (misfits.length > 0) return record.refused(unfit(misfits));
    watch.lap('parse');

    // 3. Decide.
    const request = { principal, tool, arguments: args, session: invocation.session };
    const decision = decide(policies, { ...request, now: clock.now() });
    watch.lap('decide');
    if (decision.effect === 'deny') return record.refused(denied(decision), decision);
    const deciding = policies.rules.filter((rule) => decision.rules.includes(rule.id));
    const digest = callDigest(ports.digestKey, invocation, tool, deciding);

    // 4. Approve. A call that was approved, and whose caller gave up too early, is joined: nobody is asked twice.
    let permit = permitFor(invocation, decision);
    let use: Change = {};
    if (permit === undefined) {
      const joined = await joinIdentical(ports.repeated, tool, decision, digest, record, present);
      if (joined !== undefined) return joined;
      const asked = { invocation, tool, decision, deciding, digest, justification };
      let answered: Answered;
      try {
        answered = await approveCall(recording, asked, call, present);
      } catch (error) {
        return record.failed(error);
      }
      watch.lap('approve');
      if (answered.kind === 'wait') return record.waiting(answered.state);
      // An approval that was withdrawn may be the first sign here that an operator has stopped this caller.
      const offNow = await switchedOff(passage, answered.kind === 'refused');
      if (offNow !== undefined)
        return offNow instanceof Error ? record.unlogged(offNow) : record.refused(offNow, decision);
      if (answered.kind === 'refused') return record.refused(answered.refusal, decision);
      // While a person thought, the world went on: who calls and what is decided must hold now.
      if (principal.expiresAt <= clock.now()) return record.refused(refuse('token_expired'), decision);
      if (ports.policies() !== policies) return passTheDoors(call, invocation, passage, present, watch);
      const again = decide(policies, { ...request, now: clock.now() });
      if (again.effect === 'deny') return record.refused(denied(again), again);
      // By now a rule asks that did not then: whom it names has not said yes.
      const asksMore = again.effect === 'require_approval' && again.rules.some((id) => !decision.rules.includes(id));
      if (asksMore) return passTheDoors(call, invocation, passage, present, watch);
      permit = answered.permit;
      use = answered.use;
    }

    // 5. Write the intent; an identical call that runs already is joined instead.
    const deadline = clock.now() + tool.timeoutMs;
    let intent: Intent;
    try {
      intent = await record.intent(permit, tool, digest, use);
    } catch (error) {
      if (!(error instanceof Conflict)) return record.unlogged(error);
      const joined = await joinIdentical(ports.repeated, tool, decision, digest, record, present);
      if (joined !== undefined) return joined;
      // Nothing runs: in that very moment the other one was delivered, or a person took their word back.
      if (permit.approval !== undefined) return record.refused(refuse('approval_changed'), decision);
      return passTheDoors(call, invocation, passage, present, watch);
    }
    watch.lap('intent');

    // 6 to 8. Lease, call, mask.
    const ending = await runOnBackend(ports, tool, intent, call.inbound, deadline, present, watch, call.onProgress);

    // 9 and 10. Write the outcome, reply.
    return record.outcome(tool, ending);
  }

  return {
    async list(principal) {
      const disabled = await bounded(ports.switches.disabledBackends(principal));
      const visible = disabled === undefined ? [] : visibleTools(ports.policies(), principal);
      return visible.filter(({ backend }) => !disabled?.has(backend.name));
    },

    invoke: (call) =>
      arrivals.take(call, async (invocation, watch) => {
        // From here to the reply, whatever an operator stops stops this call too.
        using passage = ports.switches.enter(invocation.principal, invocation.session);
        using present = firstOf([call.signal, arrivals.closing, passage.signal]);
        return await passTheDoors(call, invocation, passage, present.signal, watch);
      }),

    drain: (graceMs) => arrivals.drain(graceMs),
  };
}

/** Why the call may not go on; an error where nobody knows whether it may. */
function switchedOff(passage: Passage, readAnew = false): Promise<Refusal | Error | undefined> {
  return bounded(passage.refusal(readAnew)).catch((error: unknown) => error as Error);
}
