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
