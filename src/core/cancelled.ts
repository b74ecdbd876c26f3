// Why a call was stopped before its end.
import { BackendError } from './errors.ts';

/** The reason of an abort that the caller asked for in so many words. One that merely went away gives another. */
export class CancelledByCaller extends Error {
  constructor() {
    super('the caller cancelled the call');
    this.name = 'CancelledByCaller';
  }
}

/** Whether it was the deadline of the call that aborted the signal. */
export function isOverdue({ reason }: { readonly reason: unknown }): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

/** What a tool kind throws for a call that the signal has stopped and that changed nothing. */
export function stoppedBy(signal: AbortSignal): BackendError {
  return isOverdue(signal)
    ? new BackendError('deadline_exceeded', 'the deadline of the call passed')
    : new BackendError('cancelled', 'the call was cancelled, or its lease ended');
}
