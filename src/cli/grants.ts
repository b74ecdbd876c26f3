// `sallyport grants`: access that was given for a while, in a terminal, over the API of a running broker.
import { Command } from 'commander';
import type { z } from 'zod';
import { callerOf } from '../core/principal.ts';
import { printable } from '../core/printable.ts';
import type { grantSchema } from '../http-api-schema.ts';
import { timeLeft } from './approval-text.ts';
import { colours as pc } from './colours.ts';
import { wholeNumber } from './option-values.ts';
import { printAnswer } from './people-answer.ts';
import { callApi } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';

interface Options extends PeopleOptions {
  readonly json?: true;
  readonly all?: true;
  readonly limit?: number;
}

type ListedGrant = z.output<typeof grantSchema>;

export function grantsCommand(): Command {
  return new Command('grants')
    .summary('see and take back access that was given for a while')
    .description('Shows access that was given for a while, and takes it back. Sign in first: sallyport login.')
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function listCommand(): Command {
  return withBroker(new Command('list'))
    .description('list the grants of approvals that you may open, newest first')
    .option('--all', 'those that have ended, too')
    .option('--limit <number>', 'how many at most', wholeNumber, 50)
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      const query = new URLSearchParams({ limit: String(options.limit), running: options.all ? 'false' : 'true' });
      printAnswer(options, await callApi(options, `/grants?${query.toString()}`), (value) => {
        const { grants } = value as { grants: readonly ListedGrant[] };
        if (grants.length === 0) process.stderr.write('No grant that you may see.\n');
        return grants.map((grant) => grantLine(grant, Date.now())).join('');
      });
    });
}

function revokeCommand(): Command {
  return withBroker(new Command('revoke'))
    .description('take a grant back: no call starts under it any more, and those that run are stopped')
    .argument('<id>', 'of the grant')
    .option('--json', 'as JSON')
    .action(async (id: string, options: Options) => {
      const answer = await callApi(options, `/grants/${encodeURIComponent(id)}/revocation`, {});
      printAnswer(options, answer, () => 'Revoked.\n');
    });
}

/** One line: id, tool, for whom, and what is left of it. */
function grantLine(grant: ListedGrant, now: number): string {
  const { id, tool, uses, usesLeft, expiresAt, endedAt } = grant;
  const calls = `${String(usesLeft)} of ${String(uses)} calls left`;
  const left = endedAt === undefined ? `${calls}, ${timeLeft(expiresAt, now)} left` : `ended ${endedAt}, ${calls}`;
  return `${id}  ${printable(tool)}  ${printable(callerOf(grant.principal))}  ${pc.dim(left)}\n`;
}
