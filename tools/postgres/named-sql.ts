// Turns SQL with `:name` parameters into one statement with `$1 …`, and says what is wrong with it. Pure.
// The words of SQL are told apart by Postgres' own scanner (libpg-query), so strings, comments, dollar quotes, quoted
// identifiers and casts are what Postgres takes them for. A value never becomes part of the text.
import { hasSqlDetails, loadModule, parseSync, scanSync, type ScanToken } from 'libpg-query';
import { inspectStatement, type StatementUse } from './statement-checks.ts';

await loadModule();

/** Far above any statement a person writes, and below what makes the parser slow. */
export const MAX_SQL_CHARACTERS = 65_536;

export interface NamedSql {
  /** With `$1 …` in place of the names. */
  readonly text: string;
  /** The name of `$1`, of `$2`, …; each name once. */
  readonly parameters: readonly string[];
  /** Functions it calls, as written and without their schema. */
  readonly functions: readonly string[];
  /** CALL cannot be explained. */
  readonly isCall: boolean;
  /** From an offset into `text` to the one into the SQL as written; both in UTF-16 units. */
  readonly origin: (offset: number) => number;
}

export interface SqlProblem {
  /** Zero-based, in UTF-16 units, into the SQL as written. */
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

export interface ReadSql {
  /** Undefined where there is a problem that leaves no statement. */
  readonly sql: NamedSql | undefined;
  /** Where each name stands first. */
  readonly uses: ReadonlyMap<string, number>;
  readonly problems: readonly SqlProblem[];
}

export function readNamedSql(source: string, use: StatementUse): ReadSql {
  const fail = (...problems: SqlProblem[]): ReadSql => ({ sql: undefined, uses: new Map(), problems });
  const nul = source.indexOf('\0');
  if (nul !== -1) return fail({ offset: nul, message: 'a NUL character cannot be part of SQL' });
  if (source.length > MAX_SQL_CHARACTERS) {
    return fail({
      offset: MAX_SQL_CHARACTERS,
      message: `the SQL is longer than ${String(MAX_SQL_CHARACTERS)} characters`,
    });
  }
  if (/[\ud800-\udfff]/.test(source.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''))) {
    return fail({ offset: 0, message: 'the SQL is not well-formed Unicode' });
  }
  const scanned = attempt(() => scanSync(source).tokens);
  if (!scanned.ok) return fail({ offset: endless(source), message: 'a string, a comment or a quoted name has no end' });
  const translated = translate(source, scanned.value);
  if (translated.dollar !== undefined) {
    return fail({ offset: translated.dollar, message: 'write parameters by name, such as :email, not by number' });
  }
  const parsed = attempt(() => parseSync(translated.text).stmts ?? []);
  if (!parsed.ok) return { ...fail(parsed.problem(translated.origin, translated.text)), uses: translated.uses };
  const [first, second] = parsed.value;
  const at = (location: number | undefined): number => translated.origin(toUtf16(translated.text, location ?? 0));
  if (first?.stmt === undefined) return fail({ offset: 0, message: 'there is no statement here' });
  if (second !== undefined) {
    return {
      ...fail({ offset: at(second.stmt_location), message: 'expected one statement, found a second one' }),
      uses: translated.uses,
    };
  }
  // The translated text must hold exactly the parameters that were put into it: what else it could hold is a hole.
  const placed = scanSync(translated.text)
    .tokens.filter((token) => token.tokenName === 'PARAM')
    .map((token) => token.text);
  if (placed.join() !== translated.placed.join())
    return fail({ offset: 0, message: 'the parameters of this SQL cannot be told apart' });
  const found = inspectStatement(first.stmt, use);
  const problems = found.problems.map(({ location, ...problem }) => ({ offset: at(location), ...problem }));
  return {
    sql: {
      text: translated.text,
      parameters: [...translated.uses.keys()],
      functions: found.functions,
      isCall: 'CallStmt' in first.stmt,
      origin: translated.origin,
    },
    uses: translated.uses,
    problems,
  };
}

interface Translation {
  readonly text: string;
  readonly uses: Map<string, number>;
  readonly placed: readonly string[];
  /** Where a `$1` was written, which is a problem. */
  readonly dollar: number | undefined;
  /** From an offset into `text` to the one into the source it came from. */
  readonly origin: (offset: number) => number;
}

/** Token places are in bytes of UTF-8. */
function translate(source: string, tokens: readonly ScanToken[]): Translation {
  const bytes = Buffer.from(source);
  const uses = new Map<string, number>();
  const placed: string[] = [];
  const pieces: { start: number; length: number; from: number }[] = [];
  let dollar: number | undefined;
  let text = '';
  let copied = 0;
  const copy = (end: number): void => {
    const piece = bytes.toString('utf8', copied, end);
    pieces.push({ start: text.length, length: piece.length, from: bytes.toString('utf8', 0, copied).length });
    text += piece;
  };
  for (const [index, token] of tokens.entries()) {
    if (token.tokenName === 'PARAM') dollar ??= bytes.toString('utf8', 0, token.start).length;
    const name = tokens[index + 1];
    if (token.text !== ':' || name?.start !== token.end || !/^[a-z_][a-z0-9_]*$/i.test(name.text)) continue;
    const offset = bytes.toString('utf8', 0, token.start).length;
    if (!uses.has(name.text)) uses.set(name.text, offset);
    const number = `$${String([...uses.keys()].indexOf(name.text) + 1)}`;
    copy(token.start);
    // The space keeps it a word of its own: `x:y` must not become the identifier `x$1`.
    pieces.push({ start: text.length, length: 0, from: offset });
    text += ` ${number}`;
    placed.push(number);
    copied = name.end;
  }
  copy(bytes.length);
  const origin = (offset: number): number => {
    const piece = pieces.findLast((candidate) => candidate.start <= offset);
    return piece === undefined ? 0 : piece.from + Math.min(offset - piece.start, piece.length);
  };
  return { text, uses, placed, dollar, origin };
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; problem(origin: (offset: number) => number, text: string): SqlProblem };

/** Runs the scanner or the parser; a syntax error is a problem, at the character (code point) it names. */
function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const point = hasSqlDetails(error) ? (error.sqlDetails?.cursorPosition ?? 0) : 0;
    const problem = (origin: (offset: number) => number, text: string): SqlProblem => ({
      offset: origin([...text].slice(0, Math.max(0, point)).join('').length),
      message,
    });
    return { ok: false, problem };
  }
}

/** Where the parser finds the end missing; the scanner does not say. */
function endless(source: string): number {
  const parsed = attempt(() => parseSync(source));
  return parsed.ok ? 0 : parsed.problem((offset) => offset, source).offset;
}

function toUtf16(text: string, byte: number): number {
  return Buffer.from(text).toString('utf8', 0, byte).length;
}
