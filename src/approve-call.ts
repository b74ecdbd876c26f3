// Door 4, for a call that a rule sends to a person: what is asked, how long to wait, and what the end of the wait means to
// the caller.
import type { KeyObject } from 'node:crypto';
import { pendingRefusal } from './approval/approval-words.ts';
import { grantLimits } from './approval/grant-limits.ts';
import { nextState } from './approval/wait-state.ts';
import type { RecordPorts } from './call-record.ts';
import type { Approvals, Ask, Obtained } from './core/approvals.ts';
import type { Call } from './core/broker.ts';
import { CancelledByCaller } from './core/cancelled.ts';
import { grantScope } from './core/digest.ts';
import { refuse, StoreError, type Refusal } from './core/errors.ts';
import type { Rule } from './core/policy.ts';
import { StoppedByOperator, switchedOff } from './core/switches.ts';
import { previewCall } from './preview-call.ts';
import type { BackendPorts } from './run-on-backend.ts';

export type Answered =
  | Extract<Obtained, { kind: 'approved' }>
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The caller comes back, with this. */
  | { readonly kind: 'wait'; readonly state: string };

interface ApprovePorts extends BackendPorts, RecordPorts {
  readonly approvals: Approvals;
  readonly digestKey: KeyObject;
}

interface Asked extends Pick<Ask, 'invocation' | 'tool' | 'decision' | 'digest' | 'justification'> {
  /** The rules of the decision. */
  readonly deciding: readonly Rule[];
}

/** @param signal aborted when the caller cancels or goes away, and when the broker shuts down. Rejects with StoreError. */
export async function approveCall(
  ports: ApprovePorts,
  asked: Asked,
  call: Call,
  signal: AbortSignal,
): Promise<Answered> {
  const ask = askOf(ports, asked, call);
  if (ask.justification === undefined && ask.requirements.some((one) => one.justificationRequired)) {
    return { kind: 'refused', refusal: refuse('justification_missing') };
  }
  const { ms, state } = call.patience;
  const next = nextState(ports.digestKey, `${ask.invocation.principal.key} ${ask.digest}`, state);
  const comesBack = call.patience.comesBack && next !== undefined;
  const answerBy = ask.invocation.arrivedAt + ms;
  // Whoever does not come back must have the answer of the backend, too, within its patience.
  const until = comesBack ? answerBy : answerBy - ask.tool.timeoutMs;
  let obtained: Obtained;
  try {
    obtained = await ports.approvals.obtain(ask, until, signal);
  } catch (error) {
    if (error instanceof StoreError || !signal.aborted) throw error;
    const { reason } = signal as { reason: unknown };
    if (reason instanceof CancelledByCaller || reason instanceof StoppedByOperator) {
      await ports.approvals.cancel(ask.digest);
    }
    if (reason instanceof StoppedByOperator && reason.target !== undefined) {
      return { kind: 'refused', refusal: switchedOff(reason.target) };
    }
    return { kind: 'refused', refusal: refuse(call.signal.aborted ? 'cancelled' : 'shutting_down') };
  }
  if (obtained.kind === 'pending') {
    return comesBack ? { kind: 'wait', state: next } : { kind: 'refused', refusal: pendingRefusal(obtained.approval) };
  }
  // A yes that comes late in a wait is used by the next one, which has time for the backend.
  const left = answerBy - ports.clock.now();
  if (obtained.kind === 'approved' && comesBack && left < Math.min(ask.tool.timeoutMs, ms / 2)) {
    return { kind: 'wait', state: next };
  }
  return obtained;
}

function askOf(ports: ApprovePorts, { deciding, ...asked }: Asked, { inbound }: Call): Ask {
  const { invocation, tool, digest } = asked;
  const requirements = deciding.flatMap((rule) => rule.approval ?? []);
  const limits = grantLimits(requirements);
  const scope = limits && grantScope(ports.digestKey, invocation, tool, deciding, limits.same);
  const ask = { ...asked, requirements, grantScope: scope };
  const { preview } = tool;
  if (preview === undefined) return ask;
  return { ...ask, preview: (permit, look) => previewCall(ports, preview, permit, digest, inbound, look) };
}
