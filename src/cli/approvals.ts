// `sallyport approvals`: what waits for a person, in a terminal, over the API of a running broker.
import { Command, Option } from 'commander';
import { APPROVAL_STATES } from '../core/approval.ts';
import { wholeNumber } from './log-list.ts';
import { approvalLine, approvalStory, type ListedApproval, type ShownApproval } from './approval-text.ts';
import { callApi, type ApiAnswer } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';
import { EXIT } from './terminal.ts';

interface Options extends PeopleOptions {
  readonly json?: true;
  readonly reason?: string;
  readonly state?: string;
  readonly limit?: number;
}

export function approvalsCommand(): Command {
  return new Command('approvals')
    .summary('see and decide the calls that wait for a person')
    .description('Shows the calls that wait for a person, and takes your word. Sign in first: sallyport login.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(verdictCommand('approve', 'lets the call run, once'))
    .addCommand(verdictCommand('deny', 'stops the call; the agent is told your reason'));
}

function listCommand(): Command {
  return withBroker(new Command('list'))
    .description('the approvals you may open, newest first')
    .addOption(new Option('--state <state>', 'only these').choices(APPROVAL_STATES))
    .option('--limit <number>', 'how many at most', wholeNumber, 50)
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      const query = new URLSearchParams({
        limit: String(options.limit),
        ...(options.state && { state: options.state }),
      });
      await told(options, await callApi(options, `/approvals?${query.toString()}`), (value) => {
        const { approvals } = value as { approvals: readonly ListedApproval[] };
        if (approvals.length === 0) process.stderr.write('Nothing that you may open.\n');
        return approvals.map((approval) => approvalLine(approval, Date.now())).join('');
      });
    });
}

function showCommand(): Command {
  return withBroker(new Command('show'))
    .description('one approval: what will run, for whom, and what was said')
    .argument('<id>', 'of the approval')
    .option('--json', 'as JSON')
    .action(async (id: string, options: Options) => {
      await told(options, await callApi(options, `/approvals/${encodeURIComponent(id)}`), story);
    });
}

function verdictCommand(verdict: 'approve' | 'deny', description: string): Command {
  return withBroker(new Command(verdict))
    .description(description)
    .argument('<id>', 'of the approval')
    .option('--reason <words>', 'why; some rules ask for it')
    .option('--json', 'as JSON')
    .action(async (id: string, options: Options) => {
      const { reason } = options;
      const said = { verdict, ...(reason === undefined ? {} : { reason }) };
      await told(options, await callApi(options, `/approvals/${encodeURIComponent(id)}/reviews`, said), story);
    });
}

function story(value: unknown): string {
  return approvalStory(value as ShownApproval, Date.now());
}

/** A problem is the answer no: it goes to stderr, in words or as JSON. */
async function told({ json }: Options, answer: ApiAnswer, inWords: (value: unknown) => string): Promise<void> {
  if ('problem' in answer) {
    const { title, detail } = answer.problem;
    process.stderr.write(json ? `${JSON.stringify(answer.problem)}\n` : `${title}\n${detail}\n`);
    process.exitCode = EXIT.no;
    return;
  }
  process.stdout.write(json ? `${JSON.stringify(answer.value, null, 2)}\n` : inWords(answer.value));
}
