// `sallyport log replay`: a session as it happened, with its pauses.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { colours as pc } from './colours.ts';
import type { JsonObject } from '../core/json.ts';
import { whoOf, word } from '../log/describe.ts';
import { configOf, openPlace, withPlace } from './log-place.ts';
import type { LogPlace, PlaceOptions } from './log-place.ts';
import { allEntries, stepOf, told } from './log-steps.ts';
import { UsageError } from './terminal.ts';

interface ReplayOptions extends PlaceOptions {
  readonly speed: number;
  readonly against?: string;
  readonly json?: true;
}

export function replayCommand(): Command {
  return withPlace(new Command('replay'))
    .description('tell a session as it happened, or what other policies would have made of it')
    .argument('<session>', 'id of the session')
    .option('--speed <factor>', 'how much faster than it happened; 0 for no pauses', factor, 0)
    .option(
      '--against <dir>',
      'decide its calls again under these policy files, and print what differs; nothing is called',
    )
    .option('--json', 'with --against: as one JSON document')
    .addHelpText('after', '\nExit code with --against: 0 all the same, 1 something differs or cannot be told.')
    .action(async (session: string, options: ReplayOptions) => {
      await using place = await openPlace(options);
      if (options.against === undefined) await tell(place, session, options.speed);
      else {
        // Every kind of tool and mask is loaded for this alone.
        const { readPolicies } = await import('./policy-place.ts');
        const { replayAgainst } = await import('./log-replay-against.ts');
        const policies = await readPolicies(options.against, configOf(options)?.issuers);
        process.exitCode = await replayAgainst(place, session, policies, options);
      }
    });
}

async function tell(place: LogPlace, session: string, speed: number): Promise<void> {
  let first: JsonObject | undefined;
  let before = 0;
  for await (const entry of allEntries(place, { session })) {
    const step = await stepOf(place, entry);
    const { body } = step;
    const time = Date.parse(word(body['time']));
    if (first === undefined) process.stdout.write(`${pc.bold(`session ${session}`)}  ${whoOf(body)}\n`);
    else if (speed > 0) await delay(Math.max(0, time - before) / speed);
    first ??= body;
    before = time;
    const tool = word(body['tool']);
    if (tool !== '') process.stdout.write(`\n${pc.cyan(tool)} ${pc.dim(word(body['invocation']))}`);
    process.stdout.write(`${told(step, first).join('\n')}\n`);
  }
  if (first === undefined)
    throw new UsageError(`the log has no session ${session}`, 'Entries name theirs: log list --json');
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1_000_000)) throw new InvalidArgumentError('Expected a number such as 1, 10 or 0.');
  return value;
}
