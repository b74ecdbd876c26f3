// `sallyport backends`: the systems behind the tools, and switching one off, over the API of a running broker.
import { Command } from 'commander';
import type { z } from 'zod';
import type { backendListSchema, stoppedSchema } from '../http-api-switches.ts';
import { printAnswer } from './people-answer.ts';
import { callApi } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';
import { backendLines, stoppedLine } from './switch-text.ts';

interface Options extends PeopleOptions {
  readonly json?: true;
  readonly reason: string;
}

export function backendsCommand(): Command {
  return new Command('backends')
    .summary('see the systems behind the tools, and switch one off')
    .description('Shows the systems behind the tools, and switches one off. Sign in first: sallyport login.')
    .addCommand(listCommand())
    .addCommand(changeCommand('disable', 'stop every call on it, within a second, and let none begin', 'disablement'))
    .addCommand(changeCommand('enable', 'let calls reach it again', 'enablement'));
}

function listCommand(): Command {
  return withBroker(new Command('list'))
    .description('list the backends that tools are declared on, and those that are disabled')
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      printAnswer(options, await callApi(options, '/backends'), (value) => {
        const listed = value as z.output<typeof backendListSchema>;
        if (listed.backends.length === 0) process.stderr.write('No tool is declared on any backend.\n');
        return backendLines(listed);
      });
    });
}

function changeCommand(verb: 'disable' | 'enable', description: string, change: string): Command {
  return withBroker(new Command(verb))
    .description(description)
    .argument('<backend>', 'as the policy files name it')
    .requiredOption('--reason <words>', 'why; it stands in the log')
    .option('--json', 'as JSON')
    .action(async (backend: string, { reason, ...options }: Options) => {
      const answer = await callApi(options, `/backends/${encodeURIComponent(backend)}/${change}`, { reason });
      printAnswer(options, answer, (value) =>
        verb === 'disable'
          ? stoppedLine(`backend ${backend} is disabled`, value as z.output<typeof stoppedSchema>)
          : `backend ${backend} is enabled\n`,
      );
    });
}
