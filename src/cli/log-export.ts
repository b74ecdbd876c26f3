// `sallyport log export`: the whole log as JSON lines, or one session as a page.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { exportLog } from '../log/exported.ts';
import { sessionHtml } from '../log/session-html.ts';
import { storeLogCopy } from '../store/log-copy.ts';
import { readLogTree } from '../store/log-tree.ts';
import { openPlace, withPlace } from './log-place.ts';
import type { LogPlace, PlaceOptions } from './log-place.ts';
import { allEntries, stepOf } from './log-steps.ts';
import type { Step } from './log-steps.ts';
import { UsageError } from './terminal.ts';

interface ExportOptions extends PlaceOptions {
  readonly format: 'jsonl' | 'html';
  readonly session?: string;
  readonly out?: string;
}

export function exportCommand(): Command {
  return withPlace(new Command('export'))
    .description('write the log to a file that `log verify --copy` can prove, or a session as a page')
    .addOption(new Option('--format <format>', 'what to write').choices(['jsonl', 'html']).default('jsonl'))
    .option('--session <id>', 'with html: which session')
    .option('--out <file>', 'where to write it; else to stdout')
    .action(async (options: ExportOptions) => {
      await using place = await openPlace(options);
      await place.reader.hold();
      const chunks = options.format === 'html' ? page(place, options.session) : lines(place);
      const target = options.out === undefined ? process.stdout : createWriteStream(options.out, { mode: 0o600 });
      await pipeline(Readable.from(chunks), target, { end: options.out !== undefined });
    });
}

async function* lines(place: LogPlace): AsyncIterable<string> {
  for await (const line of exportLog(storeLogCopy(place.reader))) yield `${line}\n`;
}

async function* page(place: LogPlace, session: string | undefined): AsyncIterable<string> {
  if (session === undefined) throw new UsageError('--format html needs --session: which one is the page about?');
  const steps: Step[] = [];
  for await (const entry of allEntries(place, { session })) steps.push(await stepOf(place, entry));
  if (steps.length === 0) throw new UsageError(`the log has no session ${session}`);
  const tree = readLogTree(place.reader);
  yield sessionHtml({ session, steps, origin: await tree.origin(), checkpoint: (await tree.latest())?.note });
}
