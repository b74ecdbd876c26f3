// What HTTP statuses and broken connections mean: constant words for the agent, and what to fix for the operator. Pure.
import { connectionProblem } from '../../src/core/connection-problem.ts';
import { BackendError, type BackendErrorCode } from '../../src/core/errors.ts';
import { UnreachableAddress } from './addresses.ts';
import { isSafe, type Method } from './request.ts';

interface Meaning {
  readonly code: BackendErrorCode;
  readonly words?: string;
  readonly fix?: string;
}

const SLOW_DOWN =
  'The system behind this tool takes no more calls at the moment. The call was not made. Wait a minute, then try again.';

/** Statuses below 500 say that nothing was done. What an answer says beyond its status may quote data, and is told to nobody. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  400: { code: 'backend_rejected', words: 'The system behind this tool cannot take these arguments. Correct them and call again.' },
  401: { code: 'backend_failed', fix: 'the credential of the lease was not accepted; see what the backend expects, and where `token` puts it' },
  403: { code: 'backend_rejected', words: 'The system behind this tool does not allow this.', fix: 'what the credential may do does not cover it' },
  404: { code: 'backend_rejected', words: 'There is nothing of that name or number.' },
  405: { code: 'backend_failed', fix: 'the method does not fit the path' },
  406: { code: 'backend_failed', fix: 'it answers with neither JSON nor text' },
  407: { code: 'backend_failed', fix: 'a proxy wants to be signed in to' },
  408: { code: 'backend_unavailable', fix: 'the request did not arrive in time' },
  409: { code: 'backend_rejected', words: 'What is there does not allow this change.' },
  410: { code: 'backend_rejected', words: 'What the call names is gone.' },
  412: { code: 'backend_rejected', words: 'What is there has changed in the meantime.' },
  413: { code: 'backend_rejected', words: 'The arguments are too large.' },
  415: { code: 'backend_failed', fix: 'it does not take JSON' },
  422: { code: 'backend_rejected', words: 'The system behind this tool cannot take these arguments. Correct them and call again.' },
  425: { code: 'backend_unavailable', words: SLOW_DOWN },
  429: { code: 'backend_unavailable', words: SLOW_DOWN, fix: 'it asks for fewer calls' },
}; // prettier-ignore

/** @param backend its name and address, for the operator */
export function statusError(status: number, method: Method, backend: string): BackendError {
  const said = `${backend}: HTTP ${String(status)}`;
  if (status >= 500) {
    if (isSafe(method)) return new BackendError(status === 503 ? 'backend_unavailable' : 'backend_failed', said);
    return new BackendError('outcome_unknown', `${said}, in answer to a change`);
  }
  const { code, words, fix }: Meaning = MEANINGS[status] ?? { code: 'backend_rejected' };
  return new BackendError(code, fix === undefined ? said : `${said} (${fix})`, words === undefined ? {} : { words });
}

/** A redirect that is not followed. A change may have been made before it was sent. */
export function redirectError(status: number, method: Method, why: string, backend: string): BackendError {
  const detail = `${backend}: HTTP ${String(status)}: a redirect that is not followed: ${why}`;
  return new BackendError(isSafe(method) ? 'backend_failed' : 'outcome_unknown', detail);
}

/** A request that got no answer. */
export function connectionError(error: unknown, method: Method, backend: string): BackendError {
  const refused = findUnreachable(error);
  if (refused !== undefined) {
    return new BackendError('backend_unavailable', `${backend}: ${refused.message}`, { cause: error });
  }
  const why = connectionProblem(error) ?? PROTOCOL_FAULTS[codeOf(error)] ?? 'the connection failed';
  if (isSafe(method) || wasNotSent(error)) {
    return new BackendError('backend_unavailable', `${backend}: ${why}`, { cause: error });
  }
  return new BackendError('outcome_unknown', `${backend}: no answer to a change: ${why}`, { cause: error });
}

/** Codes of undici and of its parser. */
const PROTOCOL_FAULTS: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer; does a firewall stand between?',
  UND_ERR_INVALID_ARG: 'the request cannot be written; does the credential hold a line break?',
  UND_ERR_SOCKET: 'the other side cut the connection',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is shorter or longer than it says',
};

const NEVER_SENT = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_INVALID_ARG']);
const CONNECTING = new Set(['connect', 'getaddrinfo']);

function wasNotSent(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(wasNotSent);
  if (NEVER_SENT.has(codeOf(error)) || /CERT|SELF_SIGNED|VERIFY|ALTNAME/.test(codeOf(error))) return true;
  return error instanceof Error && 'syscall' in error && CONNECTING.has(String(error.syscall));
}

function findUnreachable(error: unknown): UnreachableAddress | undefined {
  if (error instanceof UnreachableAddress) return error;
  if (error instanceof AggregateError) return error.errors.map(findUnreachable).find((found) => found !== undefined);
  return error instanceof Error && error.cause !== undefined ? findUnreachable(error.cause) : undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
