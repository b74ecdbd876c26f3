// `sallyport tokens`: shows a person what a token stands for, over the API of a running broker.
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { printAnswer } from './people-answer.ts';
import { callApi, type ApiAnswer } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';

/** Between two looks whether the second person has agreed. */
const LOOK_MS = 2_000;

interface Options extends PeopleOptions {
  readonly json?: true;
}

export function tokensCommand(): Command {
  return new Command('tokens')
    .summary('see what a token in the place of a masked value stands for')
    .description('Shows what a token stands for. It takes the role revealer; the log says who saw what, and why.')
    .addCommand(revealCommand())
    .addCommand(approveCommand());
}

function revealCommand(): Command {
  return withBroker(new Command('reveal'))
    .description('show what a token stands for; where that takes two people, wait until another one agrees')
    .argument('<token>', 'as it stands in a result or in the log')
    .requiredOption('--reason <words>', 'why; it stands in the log')
    .option('--json', 'as JSON')
    .action(async (token: string, { reason, ...options }: Options & { readonly reason: string }) => {
      const asked = await callApi(options, '/tokens/reveals', { token, reason });
      const request = 'value' in asked ? (asked.value as { readonly request?: string }).request : undefined;
      const answer = request === undefined ? asked : await agreedTo(request, options);
      printAnswer(options, answer, (value) => `${(value as { readonly value: string }).value}\n`);
    });
}

function approveCommand(): Command {
  return withBroker(new Command('approve'))
    .description('agree that somebody else sees what a token stands for')
    .argument('<request>', 'id of the request, which `tokens reveal` prints')
    .option('--json', 'as JSON')
    .action(async (request: string, options: Options) => {
      printAnswer(options, await callApi(options, `${requestPath(request)}/approval`, {}), () => 'approved\n');
    });
}

/** Looks until somebody agrees; the broker ends it when the request's time is up. */
async function agreedTo(request: string, options: Options): Promise<ApiAnswer> {
  process.stderr.write(`Another person must agree: sallyport tokens approve ${request}\n`);
  for (;;) {
    const answer = await callApi(options, `${requestPath(request)}/value`, {});
    if (!('problem' in answer) || answer.problem.code !== 'not_approved') return answer;
    await delay(LOOK_MS);
  }
}

function requestPath(request: string): string {
  return `/tokens/reveals/${encodeURIComponent(request)}`;
}
