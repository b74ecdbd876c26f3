// What a command says when it cannot go on, and the exit codes of the program.
import type { Writable } from 'node:stream';
import { colours, errorColours } from './colours.ts';
import { StoreError } from '../core/errors.ts';
import { ConfigurationError, type Problem } from '../core/problem.ts';
import { TamperedError } from '../log/checkpoints.ts';
import { KeyFileError } from '../store/keys.ts';

/** `unread` is what a shell reports of a program that a closed pipe ended. */
export const EXIT = { good: 0, no: 1, usage: 2, fault: 70, unread: 141 } as const;

/** The user can mend it: one sentence that says what is wrong, one that says what to do. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

/** Ends the program quietly once nobody reads on, as `| head` does: for commands that hold nothing open. */
export function endWithReader(output: Writable): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.unread);
  });
}

/** Says on stderr what stopped the program, and returns its exit code. */
export function explainFailure(error: unknown): number {
  if (error instanceof ConfigurationError) {
    for (const problem of error.problems) process.stderr.write(`${problemLine(problem, errorColours)}\n`);
    return EXIT.usage;
  }
  if (error instanceof UsageError) {
    process.stderr.write(
      `${errorColours.red('error:')} ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`,
    );
    return EXIT.usage;
  }
  if (error instanceof StoreError || error instanceof KeyFileError || error instanceof TamperedError) {
    process.stderr.write(`${errorColours.red('error:')} ${error.message}\n`);
    return EXIT.usage;
  }
  process.stderr.write(
    `${errorColours.red('fault:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return EXIT.fault;
}

/** `file:line:column: error: message`, with the hint on a line of its own. */
export function problemLine(problem: Problem, pc = colours): string {
  const where = pc.bold(`${problem.file}:${String(problem.line)}:${String(problem.column)}`);
  const severity = problem.severity === 'error' ? pc.red('error') : pc.yellow('warning');
  const hint = problem.hint === undefined ? '' : `\n    ${pc.dim(problem.hint)}`;
  return `${where}: ${severity}: ${problem.message}${hint}`;
}
