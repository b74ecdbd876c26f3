// `sallyport principals`: who calls, who is blocked, and blocking somebody, over the API of a running broker.
import { Argument, Command } from 'commander';
import type { z } from 'zod';
import { PRINCIPAL_KINDS } from '../core/switches.ts';
import type { principalListSchema, stoppedSchema } from '../http-api-switches.ts';
import { wholeNumber } from './option-values.ts';
import { printAnswer } from './people-answer.ts';
import { callApi } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';
import { principalLines, stoppedLine } from './switch-text.ts';

interface Options extends PeopleOptions {
  readonly json?: true;
  readonly limit: number;
  readonly issuer?: string;
  readonly reason: string;
}

export function principalsCommand(): Command {
  return new Command('principals')
    .summary('see who calls, and block a subject, an agent or a session')
    .description('Shows who calls, and blocks a subject, an agent or a session. Sign in first: sallyport login.')
    .addCommand(listCommand())
    .addCommand(
      changeCommand('block', 'stop all that it runs, within a second, and let nothing new begin', '/principals/blocks'),
    )
    .addCommand(changeCommand('unblock', 'let it call again', '/principals/unblocks'));
}

function listCommand(): Command {
  return withBroker(new Command('list'))
    .description('list who is blocked, and the sessions that run now')
    .option('--limit <number>', 'how many sessions at most', wholeNumber, 100)
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      printAnswer(options, await callApi(options, `/principals?limit=${options.limit}`), (value) => {
        const listed = value as z.output<typeof principalListSchema>;
        if (listed.blocks.length + listed.sessions.length === 0) {
          process.stderr.write('Nobody is blocked, and no session runs.\n');
        }
        return principalLines(listed);
      });
    });
}

function changeCommand(verb: 'block' | 'unblock', description: string, path: string): Command {
  return withBroker(new Command(verb))
    .description(description)
    .addArgument(new Argument('<kind>', 'what is meant').choices(PRINCIPAL_KINDS))
    .argument('<name>', 'the subject or agent as the log names it, or the id of the session')
    .option('--issuer <url>', 'of the subject or agent, where only that of one issuer is meant')
    .requiredOption('--reason <words>', 'why; it stands in the log')
    .option('--json', 'as JSON')
    .action(async (kind: string, name: string, { issuer, reason, ...options }: Options) => {
      const asked = { kind, name, reason, ...(issuer === undefined ? {} : { issuer }) };
      printAnswer(options, await callApi(options, path, asked), (value) =>
        verb === 'block'
          ? stoppedLine(`${kind} ${name} is blocked`, value as z.output<typeof stoppedSchema>)
          : `${kind} ${name} is not blocked any more\n`,
      );
    });
}
