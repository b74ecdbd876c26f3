// `sallyport log show`: one invocation on its way through the doors, or a single entry.
import { Command } from 'commander';
import { colours as pc } from './colours.ts';
import type { JsonObject } from '../core/json.ts';
import type { WrittenEntry } from '../core/log-source.ts';
import { whoOf, word } from '../log/describe.ts';
import { asShown } from '../log/payload.ts';
import { stepOf, told } from './log-steps.ts';
import type { Step } from './log-steps.ts';
import { openPlace, withPlace } from './log-place.ts';
import type { LogPlace, PlaceOptions } from './log-place.ts';
import { UsageError } from './terminal.ts';

/** Far above what one invocation writes. */
const MAX_ENTRIES = 1_000;

interface ShowOptions extends PlaceOptions {
  readonly json?: true;
}

export function showCommand(): Command {
  return withPlace(new Command('show'))
    .description('tell the story of one invocation, or show one entry')
    .argument('<id>', 'id of an invocation, or number of an entry')
    .option('--json', 'entries and payloads as JSON')
    .action(async (id: string, options: ShowOptions) => {
      await using place = await openPlace(options);
      const steps = await Promise.all((await find(place, id)).map((entry) => stepOf(place, entry)));
      if (options.json) process.stdout.write(`${JSON.stringify(steps.map(asJson), null, 2)}\n`);
      else process.stdout.write(await story(place, steps));
    });
}

async function find({ source }: LogPlace, id: string): Promise<readonly WrittenEntry[]> {
  const entries = /^\d+$/.test(id)
    ? (await source.entries({ afterSeq: Number(id) - 1 }, 1)).filter(({ seq }) => seq === Number(id))
    : await source.entries({ invocation: id }, MAX_ENTRIES);
  if (entries.length === 0) {
    throw new UsageError(`the log has no invocation and no entry ${id}`, 'List what there is: sallyport log list');
  }
  return entries;
}

function asJson({ body, payloads }: Step): JsonObject {
  if (payloads === undefined) return { entry: body };
  const shown = typeof payloads === 'string' ? payloads : asShown(payloads);
  return { entry: body, payloads: shown as JsonObject | string };
}

async function story({ source }: LogPlace, steps: readonly Step[]): Promise<string> {
  const [first] = steps;
  if (first === undefined) return '';
  const lines = [
    ...heading(first.body),
    ...(await leaseOf(source, steps)),
    ...steps.flatMap((step) => told(step, first.body)),
  ];
  const intent = steps.find(({ body }) => body['type'] === 'intent');
  const isOpen = intent !== undefined && !steps.some(({ body }) => body['type'] === 'outcome');
  if (isOpen) {
    const alive = await source.isAlive(word(intent.body['broker']), Date.now());
    lines.push(
      '',
      alive ? pc.yellow('no outcome yet: running') : pc.red('no outcome: unknown, for its broker is gone'),
    );
  }
  return lines.join('\n') + '\n';
}

/** Which credential it ran with: an earlier call may have had it made. */
async function leaseOf(source: LogPlace['source'], steps: readonly Step[]): Promise<string[]> {
  const outcome = steps.find(({ body }) => body['type'] === 'outcome');
  const lease = word(outcome?.body['lease']);
  if (lease === '') return [];
  const session = word(outcome?.body['session']);
  const [issued] = await source.entries({ type: 'lease.issued', session, text: `"lease":"${lease}"` }, 1);
  const { provider, seq } = issued === undefined ? {} : (JSON.parse(issued.text) as JsonObject);
  const by = provider === undefined ? '' : `  by ${word(provider)}, ${pc.dim(`#${word(seq)}`)}`;
  return [`${pc.dim('lease  ')} ${lease}${by}`];
}

function heading(body: JsonObject): string[] {
  const tool = word(body['tool'] ?? body['type']);
  const lines = [pc.bold(tool) + pc.dim(`  ${word(body['invocation'])}`)];
  const who = whoOf(body);
  if (who !== '') lines.push(`${pc.dim('caller ')} ${who}`);
  if (body['session'] !== undefined) lines.push(`${pc.dim('session')} ${word(body['session'])}`);
  return lines;
}
