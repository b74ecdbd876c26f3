// `sallyport approvals`: what waits for a person, in a terminal, over the API of a running broker.
import { Command, InvalidArgumentError, Option } from 'commander';
import { APPROVAL_STATES } from '../core/approval.ts';
import type { GivenAccess } from '../core/grants.ts';
import { duration } from '../policy/quantities.ts';
import { approvalLine, approvalStory, type ListedApproval, type ShownApproval } from './approval-text.ts';
import { wholeNumber } from './option-values.ts';
import { printAnswer } from './people-answer.ts';
import { callApi } from './people-api.ts';
import { withBroker, type PeopleOptions } from './people-broker.ts';
import { UsageError } from './terminal.ts';

interface Options extends PeopleOptions {
  readonly json?: true;
  readonly reason?: string;
  readonly state?: string;
  readonly limit?: number;
  /** Milliseconds. */
  readonly for?: number;
  readonly uses?: number;
}

export function approvalsCommand(): Command {
  return new Command('approvals')
    .summary('see and decide the calls that wait for a person')
    .description('Shows the calls that wait for a person, and takes your word. Sign in first: sallyport login.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(approveCommand())
    .addCommand(verdictCommand('deny', 'stop the call; the agent is told your reason'));
}

function listCommand(): Command {
  return withBroker(new Command('list'))
    .description('list the approvals you may open, newest first')
    .addOption(new Option('--state <state>', 'only these').choices(APPROVAL_STATES))
    .option('--limit <number>', 'how many at most', wholeNumber, 50)
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      const query = new URLSearchParams({
        limit: String(options.limit),
        ...(options.state && { state: options.state }),
      });
      printAnswer(options, await callApi(options, `/approvals?${query.toString()}`), (value) => {
        const { approvals } = value as { approvals: readonly ListedApproval[] };
        if (approvals.length === 0) process.stderr.write('Nothing that you may open.\n');
        return approvals.map((approval) => approvalLine(approval, Date.now())).join('');
      });
    });
}

function showCommand(): Command {
  return withBroker(new Command('show'))
    .description('show one approval: what will run, for whom, and what was said')
    .argument('<id>', 'of the approval')
    .option('--json', 'as JSON')
    .action(async (id: string, options: Options) => {
      printAnswer(options, await callApi(options, `/approvals/${encodeURIComponent(id)}`), story);
    });
}

function approveCommand(): Command {
  return verdictCommand('approve', 'let the call run, once')
    .option('--for <duration>', 'give access for a while instead, such as 30m, where the rule allows it', timeSpan)
    .option('--uses <number>', 'for so many calls, this one included; goes with --for', wholeNumber);
}

function verdictCommand(verdict: 'approve' | 'deny', description: string): Command {
  return withBroker(new Command(verdict))
    .description(description)
    .argument('<id>', 'of the approval')
    .option('--reason <words>', 'why; some rules ask for it')
    .option('--json', 'as JSON')
    .action(async (id: string, options: Options) => {
      const { reason } = options;
      const grant = accessIn(options);
      const said = { verdict, ...(reason === undefined ? {} : { reason }), ...(grant && { grant }) };
      printAnswer(options, await callApi(options, `/approvals/${encodeURIComponent(id)}/reviews`, said), story);
    });
}

function accessIn({ for: forMs, uses }: Options): GivenAccess | undefined {
  if (forMs === undefined && uses === undefined) return undefined;
  if (forMs !== undefined && uses !== undefined) return { forMs, uses };
  throw new UsageError('access for a while needs --for and --uses', 'What may be given at most: approvals show <id>');
}

function timeSpan(text: string): number {
  const parsed = duration('1s', '8h').safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError('Expected a duration up to 8h, such as 30m.');
  return parsed.data;
}

function story(value: unknown): string {
  return approvalStory(value as ShownApproval, Date.now());
}
