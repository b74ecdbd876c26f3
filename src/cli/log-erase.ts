// `sallyport log erase`: removes what was kept beside entries, over the API of a running broker.
import { Command } from 'commander';
import { moment, wholeNumber } from './option-values.ts';
import { printAnswer } from './people-answer.ts';
import { callApi } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';

interface EraseOptions extends PeopleOptions {
  readonly invocation?: string;
  readonly before?: string;
  readonly retention?: string;
  readonly reason: string;
  readonly json?: true;
}

export function eraseCommand(): Command {
  return withBroker(new Command('erase'))
    .description('erase arguments and results kept beside entries; the log still verifies, and says who did it and why')
    .argument('[seq...]', 'numbers of entries', (text: string, before?: number[]) => [
      ...(before ?? []),
      wholeNumber(text),
    ])
    .option('--invocation <id>', 'all that was kept of one call')
    .option('--before <time>', 'all that was written earlier (2026-11-23, 2026-11-23T21:00Z, or 90d ago)', moment)
    .option('--retention <name>', 'what a retention rule of the configuration is about by now')
    .requiredOption('--reason <words>', 'why; it stands in the log')
    .option('--json', 'as JSON')
    .action(async (seqs: readonly number[], { invocation, before, retention, reason, ...options }: EraseOptions) => {
      const asked = { invocation, before, retention, reason, ...(seqs.length > 0 && { entries: seqs }) };
      const answer = await callApi(options, '/log/erasures', asked);
      printAnswer(options, answer, (value) => `${(value as { readonly erased: number }).erased} payloads erased\n`);
    });
}
