// Stretches of text that could be base64 (RFC 4648, sections 4 and 5), and what they say. Pure.

/** Shorter ones hide nothing that a detector could tell from chance. */
const SHORTEST = 16;

/** One for each UTF-16 unit, so that no look-up is out of bounds: the loop below is run over whole results. */
const IN_ALPHABET = new Uint8Array(65_536);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_') {
  IN_ALPHABET[character.charCodeAt(0)] = 1;
}

/** By hand: a regular expression takes many times as long. */
export function base64Runs(text: string): { readonly start: number; readonly end: number }[] {
  const runs: { start: number; end: number }[] = [];
  const { length } = text;
  let start = 0;
  for (let index = 0; index < length; index++) {
    if (IN_ALPHABET[text.charCodeAt(index)] === 1) continue;
    if (index - start >= SHORTEST) runs.push({ start, end: index });
    start = index + 1;
  }
  if (length - start >= SHORTEST) runs.push({ start, end: length });
  return runs;
}

/**
 * What a run says as a whole, and what its parts between slashes, dashes and underscores say (a URL's last segment is
 * no more than a part): all that is text, one below the other. Undefined where nothing is.
 */
export function base64Text(run: string): string | undefined {
  const parts = run.split(/[/_-]/).filter((part) => part.length >= SHORTEST && part.length < run.length);
  const texts = [run, ...parts].map(decoded).filter((text) => text !== undefined);
  return texts.length === 0 ? undefined : texts.join('\n');
}

function decoded(run: string): string | undefined {
  const bytes = Buffer.from(run, 'base64');
  for (const byte of bytes) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return undefined;
  }
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? undefined : text;
}
