// `sallyport log list`: entries that match, oldest first, one a line.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { colours as pc } from './colours.ts';
import type { JsonObject } from '../core/json.ts';
import type { EntryFilter, WrittenEntry } from '../core/log-source.ts';
import { gistOf, whoOf, word } from '../log/describe.ts';
import { openPlace, withPlace } from './log-place.ts';
import type { LogPlace, PlaceOptions } from './log-place.ts';
import { allEntries } from './log-steps.ts';
import { moment, wholeNumber } from './option-values.ts';

const FOLLOW_INTERVAL_MS = 250;
const OUTCOMES = ['succeeded', 'failed', 'unknown', 'withheld', 'cancelled', 'refused'];

interface ListOptions extends PlaceOptions, Omit<EntryFilter, 'afterSeq'> {
  readonly limit: number;
  readonly json?: true;
  readonly follow?: true;
}

export function listCommand(): Command {
  return withFilters(withPlace(new Command('list')))
    .description('list entries, oldest first')
    .option('--limit <number>', 'how many, counted from the newest', wholeNumber, 50)
    .option('-f, --follow', 'go on with what is written from now on, until interrupted')
    .option('--json', 'one entry a line, as it was written')
    .action(async (options: ListOptions) => {
      await using place = await openPlace(options);
      const { limit, json, follow } = options;
      const entries = await place.source.entries(options, limit, 'newest');
      for (const entry of entries) process.stdout.write(`${json ? entry.text : line(entry)}\n`);
      if (entries.length === 0 && !json && !follow) process.stderr.write('No entry matches.\n');
      if (follow) await keepListing(place, options, entries.at(-1)?.seq, json);
    });
}

async function keepListing(
  place: LogPlace,
  filter: EntryFilter,
  last: number | undefined,
  json?: true,
): Promise<never> {
  const [newest] = last === undefined ? await place.source.entries({}, 1, 'newest') : [{ seq: last }];
  let afterSeq = newest?.seq ?? 0;
  while (true) {
    for await (const entry of allEntries(place, { ...filter, afterSeq })) {
      process.stdout.write(`${json ? entry.text : line(entry)}\n`);
      afterSeq = entry.seq;
    }
    await delay(FOLLOW_INTERVAL_MS);
  }
}

function withFilters(command: Command): Command {
  return command
    .option('--since <time>', 'from this time on (2026-11-23, 2026-11-23T21:00Z, or 15m, 2h, 3d ago)', moment)
    .option('--until <time>', 'before this time', moment)
    .option('--principal <name>', 'subject or agent')
    .option('--tool <name>', 'calls of this tool')
    .addOption(new Option('--outcome <word>', 'how a call ended').choices(OUTCOMES))
    .option('--rule <id>', 'decided by this rule')
    .option('--session <id>', 'of this session')
    .option('--invocation <id>', 'of this call')
    .option('--type <type>', 'such as intent, outcome, lease.issued')
    .option('--text <words>', 'anywhere in the entry');
}

export function line({ seq, text }: WrittenEntry): string {
  const body = JSON.parse(text) as JsonObject;
  const columns = [
    pc.dim(String(seq).padStart(6)),
    pc.dim(word(body['time']).replace('T', ' ').replace('Z', '')),
    typeColour(body)(word(body['type']).padEnd(13)),
    word(body['tool']).padEnd(16),
    whoOf(body),
    pc.dim(gistOf(body)),
  ];
  return columns
    .filter((column) => column !== '')
    .join('  ')
    .trimEnd();
}

function typeColour(body: JsonObject): (text: string) => string {
  if (body['type'] === 'refused') return pc.yellow;
  if (body['type'] !== 'outcome') return pc.cyan;
  return body['outcome'] === 'succeeded' ? pc.green : pc.red;
}
