// Reads one answer: within a number of bytes, also of what a compressed one grows to; JSON and text, and nothing else.
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { parseExactJson } from '../../src/core/exact-json.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';

/** Why an answer cannot be shown. `words` are for the agent, the message is for the operator. */
export class UnreadableAnswer extends Error {
  readonly words: string;

  constructor(words: string, detail: string) {
    super(detail);
    this.name = 'UnreadableAnswer';
    this.words = words;
  }
}

/** A JSON object is the structured content itself; anything else stands under `body`. Throws UnreadableAnswer, and whatever ends the stream. */
export async function readAnswer(answer: Dispatcher.ResponseData, maxBytes: number): Promise<JsonObject> {
  const bytes = await readBytes(answer, maxBytes);
  if (bytes.length === 0) return { body: null };
  const { type, charset } = mediaType(answer.headers['content-type']);
  const isJson = type === 'application/json' || type.endsWith('+json');
  if (!isJson && !type.startsWith('text/')) {
    throw new UnreadableAnswer('Its answer is neither JSON nor text, so it cannot be shown.', `the answer is ${type}`);
  }
  const text = decode(bytes, charset);
  // Many answer with JSON and call it text: the paths of masks begin at its root all the same.
  if (!isJson && !/^\s*[[{]/.test(text)) return { body: text };
  try {
    const value = parseExactJson(isJson ? text : text.trim());
    return isJsonObject(value) ? value : { body: value };
  } catch {
    if (!isJson) return { body: text };
    throw new UnreadableAnswer('Its answer could not be read.', 'the answer says that it is JSON, and is not');
  }
}

/** Lets go of an answer that nobody reads, and of its connection where it is long. */
export async function discard({ body }: Dispatcher.ResponseData): Promise<void> {
  await body.dump({ limit: MAX_DISCARDED_BYTES });
}

const MAX_DISCARDED_BYTES = 65_536;

function tooLarge(maxBytes: number): UnreadableAnswer {
  return new UnreadableAnswer(
    'Its answer is larger than this tool may return. Ask for less.',
    `the answer is larger than ${String(maxBytes)} bytes (limits.bytes)`,
  );
}

async function readBytes({ headers, body }: Dispatcher.ResponseData, maxBytes: number): Promise<Buffer> {
  const said = Number(headers['content-length'] ?? 0);
  const decompress = decompressor(headers['content-encoding']);
  if (said > maxBytes) {
    body.destroy();
    throw tooLarge(maxBytes);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  const source: Readable = decompress === undefined ? body : body.pipe(decompress);
  // An error of the connection does not pass through a pipe.
  if (decompress !== undefined) body.on('error', (error) => decompress.destroy(error));
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    body.on('error', () => undefined);
    body.destroy();
    if (isZlibError(error))
      throw new UnreadableAnswer('Its answer could not be read.', 'the answer is not compressed as it says');
    throw error;
  }
  return Buffer.concat(chunks);
}

function decompressor(encoding: string | string[] | undefined): Transform | undefined {
  const name = String(encoding ?? 'identity')
    .trim()
    .toLowerCase();
  switch (name) {
    case 'identity':
    case '':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      throw new UnreadableAnswer(
        'Its answer could not be read.',
        'the answer is compressed in a way that was not asked for',
      );
  }
}

function isZlibError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('Z_') || code.startsWith('ERR_BROTLI') || code.startsWith('ERR__ERROR_FORMAT');
}

function mediaType(header: string | string[] | undefined): { readonly type: string; readonly charset: string } {
  if (typeof header !== 'string') return { type: 'of no declared type', charset: 'utf-8' };
  const [type = '', ...parameters] = header.split(';');
  const charset = parameters
    .map((one) => /^\s*charset="?([\w-]+)"?\s*$/i.exec(one)?.[1])
    .find((one) => one !== undefined);
  return { type: printable(type.trim().toLowerCase()), charset: charset ?? 'utf-8' };
}

/** A type goes into words for operators: it is a name, whatever the other side sends. */
function printable(type: string): string {
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'of an unreadable type';
}

function decode(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableAnswer('Its answer could not be read.', 'the answer is not in the character set that it says');
  }
}
