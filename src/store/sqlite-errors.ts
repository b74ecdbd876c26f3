// What SQLite's result codes mean for the store. https://sqlite.org/rescode.html

const BUSY = 5;
const LOCKED = 6;
const CONSTRAINT_PRIMARYKEY = 1555;
const CONSTRAINT_UNIQUE = 2067;
/** The statement itself is at fault: ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE. Everything else is the file's. */
const STATEMENT_CODES: readonly number[] = [1, 18, 19, 20, 25];

interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && [BUSY, LOCKED].includes(error.errcode & 0xff);
}

/** Somebody else's row stands where this one would. */
export function isDuplicate(error: unknown): boolean {
  return isSqliteError(error) && [CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE].includes(error.errcode);
}

/** The change is at fault, and the others of its batch are not concerned. */
export function isStatementError(error: unknown): boolean {
  return !isSqliteError(error) || STATEMENT_CODES.includes(error.errcode & 0xff);
}

export function describeError(error: unknown): string {
  if (isSqliteError(error)) return `SQLite: ${error.message} (${error.errcode}, ${error.errstr})`;
  return error instanceof Error ? error.message : String(error);
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}
