// Reads a request's body: bounded, UTF-8, strict JSON. Called once the sender is known, never before.
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { Json } from './core/json.ts';
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from './core/limits.ts';
import { parseStrictJson } from './core/strict-json.ts';

export type Body =
  | { readonly ok: true; readonly value: Json }
  /** `code` is JSON-RPC's; `words` say where and what was expected, and quote nothing. */
  | { readonly ok: false; readonly status: 400 | 413 | 415; readonly code: number; readonly words: string };

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const TOO_LARGE: Body = {
  ok: false,
  status: 413,
  code: INVALID_REQUEST,
  words: `The body may have at most ${String(MAX_BODY_BYTES)} bytes.`,
};

/** Undefined when the connection was lost before the body was complete. How long it may take is the server's timeout. */
export async function readJsonBody(request: IncomingMessage): Promise<Body | undefined> {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = request.headers;
  if (!isJsonContentType(type ?? null) || (encoding !== undefined && encoding !== 'identity')) {
    const words = 'The body must be sent as Content-Type: application/json, without Content-Encoding.';
    return { ok: false, status: 415, code: INVALID_REQUEST, words };
  }
  if (Number(length) > MAX_BODY_BYTES) return TOO_LARGE;
  const bytes = await readBytes(request, MAX_BODY_BYTES);
  if (bytes === undefined) return undefined;
  if (bytes === 'too large') return TOO_LARGE;
  if (!isUtf8(bytes)) return { ok: false, status: 400, code: PARSE_ERROR, words: 'The body is not UTF-8.' };

  const parsed = parseStrictJson(bytes.toString('utf8'), { maxDepth: MAX_JSON_DEPTH });
  if (parsed.ok) return parsed;
  const words = `The body was refused at character ${String(parsed.position)}: ${parsed.reason}.`;
  return { ok: false, status: 400, code: PARSE_ERROR, words };
}

/** Stops reading at the limit. The stream is left alone then, so that there is still a connection to answer on. */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too large' | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) resolve('too large');
      else chunks.push(chunk);
    });
    request.on('end', () => {
      resolve(Buffer.concat(chunks));
    });
    request.on('close', () => {
      resolve(undefined);
    });
    request.on('error', () => {
      resolve(undefined);
    });
  });
}
