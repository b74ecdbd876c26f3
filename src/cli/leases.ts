// `sallyport leases`: the credentials that exist at backends now, and taking one back, over the API of a running broker.
import { Command } from 'commander';
import type { z } from 'zod';
import type { leaseListSchema } from '../http-api-switches.ts';
import { wholeNumber } from './option-values.ts';
import { printAnswer } from './people-answer.ts';
import { callApi } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';
import { leaseLines } from './switch-text.ts';

interface Options extends PeopleOptions {
  readonly json?: true;
  readonly limit: number;
  readonly reason: string;
}

export function leasesCommand(): Command {
  return new Command('leases')
    .summary('see and revoke the credentials that exist at backends now')
    .description(
      'Shows the credentials that exist at backends now, and takes one back. Sign in first: sallyport login.',
    )
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function listCommand(): Command {
  return withBroker(new Command('list'))
    .description('list the leases that are open, newest first')
    .option('--limit <number>', 'how many at most', wholeNumber, 100)
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      printAnswer(options, await callApi(options, `/leases?limit=${options.limit}`), (value) => {
        const listed = value as z.output<typeof leaseListSchema>;
        if (listed.leases.length === 0) process.stderr.write('No lease is open.\n');
        return leaseLines(listed);
      });
    });
}

function revokeCommand(): Command {
  return withBroker(new Command('revoke'))
    .description('end a lease within a second: calls on it are stopped, and its credential is gone at the backend')
    .argument('<id>', 'of the lease')
    .requiredOption('--reason <words>', 'why; it stands in the log')
    .option('--json', 'as JSON')
    .action(async (id: string, { reason, ...options }: Options) => {
      const answer = await callApi(options, `/leases/${encodeURIComponent(id)}/revocation`, { reason });
      printAnswer(options, answer, () => `lease ${id} is revoked\n`);
    });
}
