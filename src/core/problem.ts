// What is wrong with a file somebody wrote: where, what was expected, what to do.

export interface Problem {
  readonly severity: 'error' | 'warning';
  /** As the user would type it, relative to where they started the program. */
  readonly file: string;
  /** One-based. */
  readonly line: number;
  /** One-based. */
  readonly column: number;
  /** What is wrong, and what was expected instead. */
  readonly message: string;
  /** What to do about it, where that is not obvious from the message. */
  readonly hint?: string;
}

/** Where in a declaration a problem is: keys and indexes from its root, and an offset into the text found there. */
export interface ProblemPlace {
  readonly path: readonly (string | number)[];
  /** Zero-based, in UTF-16 units, into the string value at `path`. */
  readonly offset?: number;
  /** The problem is the key itself, not its value. */
  readonly atKey?: boolean;
}

/** Given to whatever checks a declaration. Every problem is reported; the first one does not end the check. */
export interface Report {
  error(place: ProblemPlace, message: string, hint?: string): void;
  warning(place: ProblemPlace, message: string, hint?: string): void;
}

/** In the order in which somebody would go through the files. */
export function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** Thrown where files that must be right to go on are not. Carries every problem, by place. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.toSorted(byPlace).map(problemText).join('\n'));
    this.name = 'ConfigurationError';
    this.problems = problems.toSorted(byPlace);
  }
}

/** One line: `policies/shop.yaml:12:5: error: unknown key "sqll" (did you mean "sql"?)`. */
export function problemText({ file, line, column, severity, message, hint }: Problem): string {
  return `${file}:${String(line)}:${String(column)}: ${severity}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}
