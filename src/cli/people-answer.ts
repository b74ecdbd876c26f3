// What the API of a broker answered, in a terminal.
import type { ApiAnswer } from './people-api.ts';
import { EXIT } from './terminal.ts';

/** Prints it in words or as JSON. A problem is the answer no: it goes to stderr. */
export function printAnswer(
  { json }: { readonly json?: true },
  answer: ApiAnswer,
  inWords: (value: unknown) => string,
): void {
  if ('problem' in answer) {
    const { title, detail } = answer.problem;
    process.stderr.write(json ? `${JSON.stringify(answer.problem)}\n` : `${title}\n${detail}\n`);
    process.exitCode = EXIT.no;
    return;
  }
  process.stdout.write(json ? `${JSON.stringify(answer.value, null, 2)}\n` : inWords(answer.value));
}
