// Entries with their payloads, opened and told line by line.
import { colours as pc } from './colours.ts';
import type { JsonObject } from '../core/json.ts';
import type { EntryFilter, WrittenEntry } from '../core/log-source.ts';
import { printable } from '../core/printable.ts';
import { doorsOf, gistOf, word } from '../log/describe.ts';
import { asTold, openPayload } from '../log/payload.ts';
import type { ReportedStep } from '../log/session-html.ts';
import type { LogPlace } from './log-place.ts';

export type Step = ReportedStep;

const PAGE = 500;

/** Every entry that matches, from the first, page by page. */
export async function* allEntries({ source }: LogPlace, filter: EntryFilter): AsyncIterable<WrittenEntry> {
  let afterSeq = filter.afterSeq ?? 0;
  while (true) {
    const entries = await source.entries({ ...filter, afterSeq }, PAGE);
    yield* entries;
    const last = entries.at(-1);
    if (last === undefined) return;
    afterSeq = last.seq;
  }
}

export async function stepOf({ source, payloadKeys }: LogPlace, { seq, text }: WrittenEntry): Promise<Step> {
  const body = JSON.parse(text) as JsonObject;
  if (body['payload'] === undefined) return { body, payloads: undefined };
  const sealed = await source.sealedPayload(seq);
  if (sealed === undefined) return { body, payloads: 'erased' };
  if (payloadKeys === undefined) return { body, payloads: 'not shown: payload.key is not at hand' };
  try {
    return { body, payloads: openPayload(payloadKeys, sealed, body) };
  } catch (error) {
    return { body, payloads: `not shown: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** One step in lines for a terminal, with the time since `first`. */
export function told({ body, payloads }: Step, first: JsonObject): string[] {
  const time = word(body['time']);
  const since = Date.parse(time) - Date.parse(word(first['time']));
  const lines = [
    '',
    `${pc.dim(`#${word(body['seq'])}`)} ${pc.bold(word(body['type']))}  ` +
      pc.dim(time.replace('T', ' ')) +
      (since > 0 ? pc.dim(`  +${since} ms`) : ''),
  ];
  const gist = gistOf(body);
  if (gist !== '') lines.push(`   ${gist}`);
  const doors = doorsOf(body['doors']);
  if (doors !== '') lines.push(`   ${pc.dim('doors')} ${doors}`);
  if (typeof payloads === 'string') lines.push(`   ${pc.dim('payload')} ${payloads}`);
  else if (payloads !== undefined) {
    for (const [name, value] of asTold(payloads)) {
      lines.push(`   ${pc.dim(name)} ${printable(JSON.stringify(value))}`);
    }
  }
  return lines;
}
