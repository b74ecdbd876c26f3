// What Postgres' errors mean: constant words for the agent, and what to fix for the operator. Pure.
// The server's own message goes to the operator alone, and only where it cannot quote a row or an argument.
import pg from 'pg';
import { connectionProblem } from '../../src/core/connection-problem.ts';
import { BackendError, type BackendErrorCode } from '../../src/core/errors.ts';

interface Meaning {
  readonly code: BackendErrorCode;
  readonly words?: string;
  readonly fix?: string;
}

/** By SQLSTATE, else by its class (the first two characters). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  '08': { code: 'backend_unavailable', fix: 'the connection was cut' },
  '22': { code: 'backend_rejected', words: 'An argument has a value that the database cannot take. Correct it and call again.' },
  '23': { code: 'backend_rejected', words: 'The data does not allow this change.' },
  '23502': { code: 'backend_rejected', words: 'A value is missing that the data must have.' },
  '23503': { code: 'backend_rejected', words: 'The change refers to a record that does not exist, or that others still refer to.' },
  '23505': { code: 'backend_rejected', words: 'A record with these values exists already.' },
  '23514': { code: 'backend_rejected', words: 'A value is outside of what the data allows.' },
  '25006': { code: 'backend_failed', fix: 'the tool is declared readOnly, and its statement writes' },
  '28': { code: 'backend_unavailable', fix: 'the lease could not log in; see pg_hba.conf, and whether the clocks of broker and server agree' },
  '3D000': { code: 'backend_unavailable', fix: 'there is no such database; correct the url of the backend' },
  '40': { code: 'backend_failed', words: 'The call collided with another one and had no effect. Try it again.' },
  '42': { code: 'backend_failed', fix: 'the statement does not fit the database; `sallyport check --connect` tells where' },
  '42501': { code: 'backend_failed', fix: 'grant it to a role in memberOf' },
  '53': { code: 'backend_unavailable', fix: 'the server, or the connectionLimit of the lease, is exhausted' },
  '55P03': { code: 'backend_failed', words: 'Another change holds these records. The call had no effect; try it again in a moment.' },
  '57014': { code: 'backend_failed', fix: 'somebody cancelled the statement on the server' },
  '57P': { code: 'backend_unavailable', fix: 'the server is starting, stopping, or was told to end the connection' },
  P0: { code: 'backend_rejected', words: 'The database refused the call.' },
}; // prettier-ignore

/** Classes whose messages are of statements, objects and the server; those of any other may quote arguments or rows. */
const QUOTES_NO_DATA = /^(08|0A|25|28|3D|3F|40|42|53|54|55|57|58)/;
/** Where a function's author has chosen class and words. */
const RAISED = 'exec_stmt_raise';

/** Ways for a connection to end that the server announces. */
const ENDING = /^(08|57P)/;

/** Whether the connection is gone, rather than the statement refused. */
export function isLost(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || ENDING.test(error.code ?? '');
}

/** @param backend its name and address, for the operator */
export function backendError(error: unknown, backend: string): BackendError {
  if (error instanceof BackendError) return error;
  if (!(error instanceof pg.DatabaseError)) {
    const fix = connectionProblem(error) ?? (error instanceof Error ? error.message : String(error));
    return new BackendError('backend_unavailable', `${backend}: ${fix}`, { cause: error });
  }
  const state = error.code ?? '';
  const meaning: Meaning = MEANINGS[state] ??
    MEANINGS[state.slice(0, 3)] ??
    MEANINGS[state.slice(0, 2)] ?? { code: 'backend_failed' };
  const said = QUOTES_NO_DATA.test(state) && error.routine !== RAISED ? error.message : named(error);
  const detail = `${backend}: SQLSTATE ${state}${said === '' ? '' : `, ${said}`}${meaning.fix === undefined ? '' : ` (${meaning.fix})`}`;
  return new BackendError(meaning.code, detail, {
    cause: error,
    ...(meaning.words === undefined ? {} : { words: meaning.words }),
  });
}

/** The objects an error is about, by name: never their contents. */
function named(error: pg.DatabaseError): string {
  const parts = { table: error.table, column: error.column, constraint: error.constraint };
  return Object.entries(parts)
    .flatMap(([what, name]) => (name === undefined ? [] : [`${what} ${name}`]))
    .join(', ');
}
