// What a call is told that the policy files stop: in the same words whether it is made or explained. Pure.
import { refuse, type Refusal } from '../core/errors.ts';
import type { Decision } from '../core/invocation.ts';

export function unfit(misfits: readonly string[]): Refusal {
  const words = `The arguments do not fit the tool: ${misfits.join('; ')}. Correct them and call again.`;
  return refuse('invalid_arguments', { words });
}

export function denied({ message }: Pick<Decision, 'message'>): Refusal {
  return refuse('denied', message === undefined ? {} : { words: message });
}
