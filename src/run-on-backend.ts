// Doors 6 to 8: lease, call, mask. Whatever happens in there comes back as how the call ended; it never rejects.
import type { Call } from './core/broker.ts';
import { isOverdue } from './core/cancelled.ts';
import type { Clock, Stopwatch } from './core/clock.ts';
import type { LeaseHold, Leases } from './core/credential.ts';
import { firstOf, untilAborted, within } from './core/deadline.ts';
import type { EntryBody } from './core/entry.ts';
import {
  BackendError,
  CredentialError,
  DisagreementError,
  refuse,
  REFUSALS,
  StoreError,
  WithheldError,
  type BackendErrorCode,
  type Refusal,
} from './core/errors.ts';
import { Lease, Masked, type Intent } from './core/evidence.ts';
import type { InboundToken } from './core/inbound-token.ts';
import { maskedProgress } from './mask-progress.ts';
import { resolveArguments } from './resolve-arguments.ts';
import { isJsonObject } from './core/json.ts';
import { CANCEL_GRACE_MS } from './core/limits.ts';
import { StoppedByOperator } from './core/switches.ts';
import type { Logger } from './core/logger.ts';
import type { SecondOpinion } from './core/masking.ts';
import type { IssuedTokens, TokenVault } from './core/token-vault.ts';
import type { Statement } from './core/store.ts';
import type { Tool, ToolAnswer } from './core/tool.ts';

type Outcome = Extract<EntryBody, { type: 'outcome' }>['outcome'];

/** How a call that reached its intent ended. */
export type Ending =
  | {
      readonly outcome: Outcome;
      readonly result: Masked;
      readonly lease: string | undefined;
      /** What must be kept with the outcome, before the result leaves; undefined where it was given before. */
      readonly tokens?: KeptTokens;
    }
  | {
      readonly outcome: Outcome;
      readonly refusal: Refusal;
      readonly lease: string | undefined;
      /** The path of a mask at which a second engine found a raw value. */
      readonly disagreement?: string;
    };

export interface KeptTokens extends Pick<IssuedTokens, 'kept'> {
  readonly statements: readonly Statement[];
}

export interface BackendPorts {
  readonly tokens: TokenVault;
  readonly secondOpinion: SecondOpinion;
  readonly leases: Leases;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** @param present aborted when the caller cancels, and when the broker shuts down */
export async function runOnBackend(
  ports: BackendPorts,
  tool: Tool,
  intent: Intent,
  inbound: InboundToken | undefined,
  deadline: number,
  present: AbortSignal,
  watch: Stopwatch,
  tell?: Call['onProgress'],
): Promise<Ending> {
  using limited = firstOf([present], deadline - ports.clock.now());
  const { signal } = limited;
  const { invocation, previewFor } = intent.permit;
  if (previewFor !== undefined && !tool.annotations.readOnly) throw new TypeError('a permit to look changes nothing');
  const args = await resolveArguments(ports.tokens, tool, invocation);
  if ('refusal' in args) return { outcome: 'failed', refusal: args.refusal, lease: undefined };
  let hold: LeaseHold;
  try {
    hold = await untilAborted(ports.leases.acquire(intent, tool.backend, signal, inbound), signal, {
      graceMs: CANCEL_GRACE_MS,
      late: (tooLate) => void release(ports, tooLate),
    });
    if (tool.backend.credential !== undefined && !(hold.lease instanceof Lease))
      throw new TypeError('this is no lease');
  } catch (error) {
    return { outcome: 'failed', refusal: withoutCredential(error, signal), lease: undefined };
  } finally {
    watch.lap('credential');
  }
  const lease = hold.lease;
  const { grant } = intent.permit;
  try {
    limited.add(lease?.ended);
    limited.add(grant?.revoked);
    let answer: ToolAnswer;
    try {
      const progress = tell && maskedProgress(tool, ports.tokens, invocation.principal.key, tell);
      const call = tool.call({ intent, lease, arguments: args.resolved, deadline, signal, progress });
      answer = await untilAborted(call, signal, { graceMs: CANCEL_GRACE_MS });
    } catch (error) {
      return { ...withoutAnswer(error, tool, signal), lease: lease?.id };
    } finally {
      watch.lap('backend');
    }
    try {
      if (!isAnswer(answer)) throw new WithheldError('the backend gave something that is not an answer');
      const issued = ports.tokens.issue(invocation.principal.key);
      const result: unknown = tool.mask.apply(answer, issued);
      if (!(result instanceof Masked)) throw new WithheldError('the mask gave something that is not a masked result');
      const raw = await ports.secondOpinion.ask(tool.mask, result);
      if (raw !== undefined) throw new DisagreementError(raw);
      const tokens = { statements: issued.statements(), kept: () => issued.kept() };
      return { outcome: result.isError ? 'failed' : 'succeeded', result, lease: lease?.id, tokens };
    } catch (error) {
      const detail = error instanceof WithheldError ? error.detail : `the mask failed: ${nameOf(error)}`;
      const refusal = refuse('result_withheld', { words: withheldWords(invocation.id), detail });
      const disagreement = error instanceof DisagreementError ? { disagreement: error.path } : {};
      return { outcome: 'withheld', refusal, lease: lease?.id, ...disagreement };
    } finally {
      watch.lap('mask');
    }
  } finally {
    await release(ports, hold);
  }
}

/** The agent can name the result to a person, who finds in the log why it was withheld. */
function withheldWords(invocation: string): string {
  return `${REFUSALS.result_withheld.words} Its id is ${invocation}; the operator finds under it why.`;
}

/** A tool kind is trusted with a credential, and not with the shape of what comes back. */
function isAnswer(answer: unknown): boolean {
  return isJsonObject(answer) && (isJsonObject(answer['structured']) || Array.isArray(answer['content']));
}

/** A lease that does not end in time is ended by the sweep: the reply does not wait for it. */
async function release(ports: BackendPorts, hold: LeaseHold): Promise<void> {
  try {
    await within(
      Promise.resolve(hold[Symbol.asyncDispose]()),
      CANCEL_GRACE_MS,
      () => new Error('the lease did not end in time'),
    );
  } catch (error) {
    ports.logger.error(
      { lease: hold.lease?.id, reason: nameOf(error) },
      'a lease could not be released; the sweep will end it',
    );
  }
}

function withoutCredential(error: unknown, signal: AbortSignal): Refusal {
  if (signal.aborted) return refuse(whyStopped(signal));
  if (error instanceof CredentialError) return refuse(error.code, { detail: error.detail });
  if (error instanceof StoreError) return refuse('log_unavailable', { detail: error.detail });
  return refuse('credential_unavailable', { detail: `fault of the provider: ${nameOf(error)}` });
}

const OUTCOME_OF: Record<BackendErrorCode, Outcome> = {
  backend_unavailable: 'failed',
  backend_rejected: 'failed',
  backend_failed: 'failed',
  deadline_exceeded: 'failed',
  outcome_unknown: 'unknown',
  cancelled: 'cancelled',
};

function withoutAnswer(error: unknown, tool: Tool, signal: AbortSignal): { outcome: Outcome; refusal: Refusal } {
  if (error instanceof BackendError) {
    if (error.code === 'cancelled' && whyStopped(signal) === 'stopped_by_operator') {
      return { outcome: 'cancelled', refusal: refuse('stopped_by_operator', { detail: error.detail }) };
    }
    return { outcome: OUTCOME_OF[error.code], refusal: refuse(error.code, saidOf(error, tool)) };
  }
  // The kind gave up without a word, or never came back. Only a read is known to have changed nothing.
  const detail = signal.aborted ? 'the backend did not stop in time' : `fault of the tool kind: ${nameOf(error)}`;
  if (!tool.annotations.readOnly) return { outcome: 'unknown', refusal: refuse('outcome_unknown', { detail }) };
  const code = signal.aborted ? whyStopped(signal) : 'internal';
  const stopped = code === 'cancelled' || code === 'stopped_by_operator';
  return { outcome: stopped ? 'cancelled' : 'failed', refusal: refuse(code, { detail }) };
}

/** A kind quotes no data of the backend's; should one all the same, the detectors read what it says, too. */
function saidOf({ words, detail }: BackendError, tool: Tool): { readonly words?: string; readonly detail: string } {
  try {
    return tool.mask.words({ ...(words !== undefined && { words }), detail });
  } catch {
    return { detail: 'what the tool kind says of it is withheld' };
  }
}

export function whyStopped(signal: AbortSignal): 'deadline_exceeded' | 'stopped_by_operator' | 'cancelled' {
  if (signal.reason instanceof StoppedByOperator) return 'stopped_by_operator';
  return isOverdue(signal) ? 'deadline_exceeded' : 'cancelled';
}

/** A fault's message may quote data of the backend's: its name alone goes to the log. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
