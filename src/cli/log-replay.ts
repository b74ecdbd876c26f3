// `sallyport log replay`: a session as it happened, with its pauses.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import type { JsonObject } from '../core/json.ts';
import { whoOf, word } from '../log/describe.ts';
import { openPlace, withPlace } from './log-place.ts';
import type { PlaceOptions } from './log-place.ts';
import { allEntries, stepOf, told } from './log-steps.ts';
import { UsageError } from './terminal.ts';

export function replayCommand(): Command {
  return withPlace(new Command('replay'))
    .description('tell a session as it happened')
    .argument('<session>', 'id of the session')
    .option('--speed <factor>', 'how much faster than it happened; 0 for no pauses', factor, 0)
    .action(async (session: string, options: PlaceOptions & { speed: number }) => {
      await using place = await openPlace(options);
      let first: JsonObject | undefined;
      let before = 0;
      for await (const entry of allEntries(place, { session })) {
        const step = await stepOf(place, entry);
        const { body } = step;
        const time = Date.parse(word(body['time']));
        if (first === undefined) process.stdout.write(`${pc.bold(`session ${session}`)}  ${whoOf(body)}\n`);
        else if (options.speed > 0) await delay(Math.max(0, time - before) / options.speed);
        first ??= body;
        before = time;
        const tool = word(body['tool']);
        if (tool !== '') process.stdout.write(`\n${pc.cyan(tool)} ${pc.dim(word(body['invocation']))}`);
        process.stdout.write(`${told(step, first).join('\n')}\n`);
      }
      if (first === undefined)
        throw new UsageError(`the log has no session ${session}`, 'Entries name theirs: log list --json');
    });
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1_000_000)) throw new InvalidArgumentError('Expected a number such as 1, 10 or 0.');
  return value;
}
