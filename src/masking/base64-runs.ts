// Stretches of text that could be base64 (RFC 4648, sections 4 and 5), and what they say. Pure.
import { SHORTEST_RUN } from './text-shape.ts';

/** The six bits of each character of either alphabet; 255 for every other UTF-16 unit. */
const BITS = new Uint8Array(65_536).fill(255);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
for (let value = 0; value < ALPHABET.length; value++) BITS[ALPHABET.charCodeAt(value)] = value;
BITS['-'.charCodeAt(0)] = 62;
BITS['_'.charCodeAt(0)] = 63;

/** By hand: a regular expression takes many times as long. */
export function base64Runs(text: string): { readonly start: number; readonly end: number }[] {
  const runs: { start: number; end: number }[] = [];
  const { length } = text;
  let start = 0;
  for (let index = 0; index < length; index++) {
    if (BITS[text.charCodeAt(index)] !== 255) continue;
    if (index - start >= SHORTEST_RUN) runs.push({ start, end: index });
    start = index + 1;
  }
  if (length - start >= SHORTEST_RUN) runs.push({ start, end: length });
  return runs;
}

/**
 * What a run says as a whole, and what its parts between slashes, dashes and underscores say (a URL's last segment is
 * no more than a part): all that is text, one below the other. Undefined where nothing is.
 */
export function base64Text(run: string): string | undefined {
  const parts = run.split(/[/_-]/).filter((part) => part.length >= SHORTEST_RUN && part.length < run.length);
  const texts = [run, ...parts].map(decoded).filter((text) => text !== undefined);
  return texts.length === 0 ? undefined : texts.join('\n');
}

function decoded(run: string): string | undefined {
  if (!startsAsText(run)) return undefined;
  const bytes = Buffer.from(run, 'base64');
  for (const byte of bytes) if (isControl(byte)) return undefined;
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? undefined : text;
}

/** Of words and keys, which are not base64 of anything, most are no text within their first nine bytes. */
function startsAsText(run: string): boolean {
  let expected = 0;
  for (let index = 0; index < 12; index += 4) {
    const [a, b, c, d] = [bits(run, index), bits(run, index + 1), bits(run, index + 2), bits(run, index + 3)];
    for (const byte of [(a << 2) | (b >> 4), ((b & 15) << 4) | (c >> 2), ((c & 3) << 6) | d]) {
      const isContinuation = byte >= 0x80 && byte < 0xc0;
      if (isContinuation !== expected > 0 || isControl(byte) || byte > 0xf4) return false;
      // RFC 3629: how many bytes follow is in the first.
      expected = isContinuation ? expected - 1 : byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
  }
  return true;
}

function bits(run: string, index: number): number {
  return BITS[run.charCodeAt(index)] ?? 0;
}

function isControl(byte: number): boolean {
  return byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d;
}
