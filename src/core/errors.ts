// The one table of what can go wrong with a call, and what the agent is told about it.
// A refusal is a value; an exception is a fault. Facts go to the log, never to the wire.

export interface RefusalKind {
  /** The log's level for it. */
  readonly level: 'info' | 'warn' | 'error';
  /** Whether making the same call again can succeed without anything else changing. */
  readonly retryable: boolean;
  /** What the agent is told. A rule's own message replaces it where there is one. */
  readonly words: string;
}

export const REFUSALS = {
  unknown_tool: { level: 'warn', retryable: false, words: 'There is no such tool.' },
  tool_changed: {
    level: 'warn',
    retryable: false,
    words:
      'This tool is not what was reviewed any more, so it cannot be used until an operator has looked at the change. ' +
      'The call was not made.',
  },
  invalid_arguments: { level: 'info', retryable: false, words: 'The arguments do not fit the tool.' },
  denied: { level: 'info', retryable: false, words: 'This call is not allowed. Making it again will not change that.' },
  token_expired: {
    level: 'info',
    retryable: false,
    words: 'The access token expired while this call waited. Make the same call again with a new one.',
  },
  approval_pending: {
    level: 'info',
    retryable: true,
    words: 'This call waits for the approval of a person. Make exactly the same call again to go on waiting.',
  },
  approval_changed: {
    level: 'info',
    retryable: true,
    words:
      'The approval of this call changed in the moment it was used, so the call was not made. Make the same call again.',
  },
  approval_denied: { level: 'info', retryable: false, words: 'A person declined this call.' },
  approval_expired: {
    level: 'info',
    retryable: true,
    words: 'Nobody decided about this call in time. Make it again to ask anew, if it still matters.',
  },
  justification_missing: {
    level: 'info',
    retryable: false,
    words:
      'A person must approve this call, and wants to know why it is made. ' +
      'Make it again with the argument `justification`: one or two sentences that say what for.',
  },
  too_many_approvals: {
    level: 'warn',
    retryable: true,
    words: 'Too many calls wait for the approval of a person. Wait for those to be decided before making another.',
  },
  too_many_calls: {
    level: 'warn',
    retryable: true,
    words: 'Too many calls are running at once. Wait for one to finish, then try again.',
  },
  too_many_leases: {
    level: 'warn',
    retryable: true,
    words: 'Too many credentials are in use at once. Try again in a minute.',
  },
  log_unavailable: {
    level: 'error',
    retryable: true,
    words: 'The broker cannot keep its record at the moment, so the call was not made. Try again in a minute.',
  },
  credential_unavailable: {
    level: 'error',
    retryable: true,
    words: 'The broker could not obtain a credential for this call. It was not made. Try again in a minute.',
  },
  backend_unavailable: {
    level: 'error',
    retryable: true,
    words: 'The system behind this tool cannot be reached at the moment. The call was not made. Try again in a minute.',
  },
  backend_rejected: { level: 'info', retryable: false, words: 'The system behind this tool rejected the call.' },
  backend_failed: {
    level: 'error',
    retryable: false,
    words: 'The system behind this tool failed. The call had no effect.',
  },
  principal_blocked: {
    level: 'warn',
    retryable: false,
    words: 'An operator has blocked you. The call was not made, and making it again will not change that.',
  },
  backend_disabled: {
    level: 'warn',
    retryable: false,
    words:
      'An operator has switched off the system behind this tool. The call was not made, and making it again will not change that for now.',
  },
  stopped_by_operator: {
    level: 'warn',
    retryable: false,
    words: 'An operator stopped this call, and it had no effect. Do not make it again unless the user asks for that.',
  },
  deadline_exceeded: {
    level: 'warn',
    retryable: false,
    words: 'The call took longer than this tool may take, and was stopped.',
  },
  outcome_unknown: {
    level: 'error',
    retryable: false,
    words: 'The answer of this call was lost, so it may or may not have happened. Check before making it again.',
  },
  still_running: {
    level: 'info',
    retryable: true,
    words:
      'An identical call is still running. Make the same call again in a minute to get its answer; it is not run twice.',
  },
  cancelled: { level: 'info', retryable: true, words: 'The call was cancelled.' },
  unknown_value_token: {
    level: 'warn',
    retryable: false,
    words:
      'A token among the arguments was never given to you here, so it cannot be used. ' +
      'Ask again with the tool that shows the value, and pass its token on exactly as it is. The call was not made.',
  },
  expired_value_token: {
    level: 'info',
    retryable: false,
    words:
      'A token among the arguments is too old to be used. Ask again with the tool that shows the value. The call was not made.',
  },
  unfit_value_token: {
    level: 'info',
    retryable: false,
    words: 'The value behind a token among the arguments does not fit the argument. The call was not made.',
  },
  superseded: {
    level: 'info',
    retryable: false,
    words: 'A newer call with the same arguments has taken over; its answer is the one that counts.',
  },
  result_withheld: {
    level: 'error',
    retryable: false,
    words: 'The call was made, but its result could not be shown safely and was withheld.',
  },
  outcome_unrecorded: {
    level: 'error',
    retryable: false,
    words:
      'The call was made, but the broker could not complete its record, so the result is withheld. Check before making it again.',
  },
  shutting_down: { level: 'info', retryable: true, words: 'The broker is shutting down. Try again in a moment.' },
  internal: {
    level: 'error',
    retryable: false,
    words: 'The broker failed. The operator can find out why from the log.',
  },
} as const satisfies Record<string, RefusalKind>;

export type RefusalCode = keyof typeof REFUSALS;

/** A door said no. `words` go to the agent, `detail` to the log alone. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly words: string;
  /** For operators: facts, never a secret. */
  readonly detail?: string;
}

export function refuse(code: RefusalCode, more: { words?: string; detail?: string } = {}): Refusal {
  return {
    code,
    words: more.words ?? REFUSALS[code].words,
    ...(more.detail === undefined ? {} : { detail: more.detail }),
  };
}

/** What a backend did to a call that gave no answer. */
export type BackendErrorCode =
  'backend_unavailable' | 'backend_rejected' | 'backend_failed' | 'deadline_exceeded' | 'outcome_unknown' | 'cancelled';

/**
 * Thrown by a tool kind. `words` are for the agent: the kind's own constant text, with nothing of the backend's in it.
 * `detail` is for the operator: what happened, and what to fix; never a secret.
 */
export class BackendError extends Error {
  readonly code: BackendErrorCode;
  readonly words: string | undefined;
  readonly detail: string;

  constructor(code: BackendErrorCode, detail: string, more: { words?: string; cause?: unknown } = {}) {
    super(detail, { cause: more.cause });
    this.name = 'BackendError';
    this.code = code;
    this.words = more.words;
    this.detail = detail;
  }
}

/** Thrown by src/credential when no credential can be had. `detail` is for the operator. */
export class CredentialError extends Error {
  readonly code: 'credential_unavailable' | 'too_many_leases' | 'cancelled';
  readonly detail: string;

  constructor(code: CredentialError['code'], detail: string, cause?: unknown) {
    super(detail, { cause });
    this.name = 'CredentialError';
    this.code = code;
    this.detail = detail;
  }
}

/** Thrown by src/masking when it is in doubt. `detail` names the reason, never a value. */
export class WithheldError extends Error {
  readonly detail: string;

  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
    this.name = 'WithheldError';
    this.detail = detail;
  }
}

/** A second engine finds a raw value at a place that a mask selects: one of the two is wrong. */
export class DisagreementError extends WithheldError {
  /** The mask's, as it was declared. */
  readonly path: string;

  constructor(path: string) {
    super(`the engines disagree: jsonpath-plus finds a raw value at ${path}`);
    this.name = 'DisagreementError';
    this.path = path;
  }
}

/** Thrown by src/log and src/store when something could not be made durable. Nothing of it was kept. */
export class StoreError extends Error {
  readonly detail: string;

  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
    this.name = 'StoreError';
    this.detail = detail;
  }
}
