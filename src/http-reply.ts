// Writes an answer to a Node response. Plain JSON when it comes soon; when it does not, a stream is opened that carries
// a byte now and then, so that neither client nor proxy gives the call up.
import type { ServerResponse } from 'node:http';
import { KEEP_ALIVE_INTERVAL_MS, STREAM_AFTER_MS } from './core/limits.ts';

export interface Patience {
  /** Milliseconds until an answer becomes a stream. */
  readonly streamAfterMs: number;
  /** Milliseconds between the bytes on a quiet stream. */
  readonly keepAliveMs: number;
}

export const PATIENCE: Patience = { streamAfterMs: STREAM_AFTER_MS, keepAliveMs: KEEP_ALIVE_INTERVAL_MS };

const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  // Asks nginx and its like to pass bytes on as they come.
  'X-Accel-Buffering': 'no',
};
const KEEP_ALIVE = ': keep-alive\n\n';

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendRpcError(
  response: ServerResponse,
  status: number,
  error: { readonly code: number; readonly message: string },
): void {
  sendJson(response, status, { jsonrpc: '2.0', error, id: null });
}

type Answer = Response | { readonly text: string };

/**
 * Rejects only when `answer` does. A connection that closes meanwhile is no error; the answer is dropped. `answer` is given
 * what sends a message ahead of it, where the caller accepts a stream.
 */
export async function relay(
  answer: (ahead: ((message: object) => void) | undefined) => Promise<Answer>,
  response: ServerResponse,
  acceptsStream: boolean,
  patience: Patience,
): Promise<void> {
  let keepAlive: NodeJS.Timeout | undefined;
  const openStream = (): void => {
    response.writeHead(200, STREAM_HEADERS);
    response.write(KEEP_ALIVE);
    keepAlive = setInterval(() => response.write(KEEP_ALIVE), patience.keepAliveMs);
  };
  const opening = acceptsStream ? setTimeout(openStream, patience.streamAfterMs) : undefined;
  let answered = false;
  const ahead = (message: object): void => {
    if (answered) return;
    clearTimeout(opening);
    if (!response.headersSent) openStream();
    response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  };
  let given: Answer;
  try {
    given = await answer(acceptsStream ? ahead : undefined);
  } finally {
    answered = true;
    clearTimeout(opening);
    clearInterval(keepAlive);
  }

  if (response.headersSent) {
    // A JSON text has no line break of its own, so it is one line of an event.
    response.end(`event: message\ndata: ${typeof given.text === 'string' ? given.text : await given.text()}\n\n`);
  } else if (!(given instanceof Response)) {
    response.writeHead(200, { 'content-type': 'application/json', 'Content-Length': Buffer.byteLength(given.text) });
    response.end(given.text);
  } else if (given.headers.get('content-type')?.startsWith('text/event-stream') === true && given.body !== null) {
    response.writeHead(given.status, STREAM_HEADERS);
    for await (const chunk of given.body) response.write(chunk);
    response.end();
  } else {
    const text = await given.text();
    response.writeHead(given.status, {
      ...Object.fromEntries(given.headers),
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
  }
}
