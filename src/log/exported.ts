// A log as JSON lines: everything that can be proved, without loss, for `log verify --copy` and for keeping elsewhere.
// One line says what the log is, one holds each checkpoint, one each entry with its sealed payload. Pure but for reading.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { JsonObject } from '../core/json.ts';
import type { FoundEntry, LogCopy } from '../core/log-copy.ts';
import type { KeptCheckpoint } from '../core/log-tree.ts';

const FORM = 'sallyport-log@v1';
/** Before the entry: its text goes into the line as it is, so that what is verified is what was written. */
const ENTRY = '"entry":';

/** The lines of an export, in order, without their line feeds. */
export async function* exportLog(copy: LogCopy): AsyncIterable<string> {
  yield JSON.stringify({ form: FORM, origin: await copy.origin() });
  for await (const { size, note } of copy.checkpoints()) yield JSON.stringify({ checkpoint: note, size });
  for await (const { text, sealed } of copy.entries()) {
    // A text with a line feed is not an entry; as a JSON string it stays visible to whoever verifies the copy.
    const entry = /[\n\r]/.test(text) ? JSON.stringify(text) : text;
    const payload = sealed === undefined || sealed === null ? 'null' : `"${Buffer.from(sealed).toString('base64')}"`;
    yield `{"payload":${payload},${ENTRY}${entry}}`;
  }
}

/** An export as a copy that can be verified. Throws where the file is none. */
export async function openExport(file: string): Promise<LogCopy> {
  const checkpoints: KeptCheckpoint[] = [];
  let origin: string | undefined;
  for await (const line of lines(file)) {
    if (line.startsWith('{"payload":')) break;
    const head = JSON.parse(line) as JsonObject;
    if (head['form'] === FORM && typeof head['origin'] === 'string') origin = head['origin'];
    else if (typeof head['checkpoint'] === 'string') {
      checkpoints.push({ size: Number(head['size']), note: head['checkpoint'] });
    }
  }
  if (origin === undefined) throw new Error(`it is not an exported log (${FORM})`);
  return {
    origin: async () => origin,
    entries: () => entriesIn(file),
    checkpoints: async function* () {
      yield* checkpoints;
    },
    strayPayloads: async () => [],
    tree: undefined,
    isAlive: async () => false,
  };
}

async function* entriesIn(file: string): AsyncIterable<FoundEntry> {
  let place = 0;
  for await (const line of lines(file)) {
    if (!line.startsWith('{"payload":')) continue;
    place++;
    const [, payload] = /^\{"payload":(?:null|"([A-Za-z0-9+/=]*)"),"entry":/.exec(line) ?? [];
    const text = line.slice(line.indexOf(ENTRY) + ENTRY.length, -1);
    yield {
      seq: seqOf(text) ?? place,
      text,
      leaf: undefined,
      sealed: payload === undefined ? undefined : Buffer.from(payload, 'base64'),
    };
  }
}

/** The number an entry claims; whether it stands at the right place is what verifying finds out. */
function seqOf(text: string): number | undefined {
  try {
    const seq = (JSON.parse(text) as JsonObject)['seq'];
    return Number.isSafeInteger(seq) ? (seq as number) : undefined;
  } catch {
    return undefined;
  }
}

function lines(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Infinity });
}
