// One JSON-RPC message a line, as the MCP stdio transport says, held to the same bounds as a body over HTTP: the SDK's
// own transport takes whatever JSON.parse takes, and does not tell when an answer has been written.
import { isUtf8 } from 'node:buffer';
import type { Readable, Writable } from 'node:stream';
import { parseJSONRPCMessage, type JSONRPCMessage, type Transport } from '@modelcontextprotocol/server';
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from './core/limits.ts';
import { parseStrictJson } from './core/strict-json.ts';

const NEWLINE = 0x0a;
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

export class StrictStdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** Called when a message has been handed to the operating system in full. */
  onwritten?: (message: JSONRPCMessage) => void;
  readonly #input: Readable;
  readonly #output: Writable;
  /** Of the line that is not complete yet; emptied, and only counted on, once it is too long. */
  #parts: Buffer[] = [];
  #size = 0;
  #closed = false;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  start(): Promise<void> {
    this.#input.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    const close = (): void => void this.close();
    this.#input.once('end', close).once('close', close).on('error', close);
    // Whoever reads the answers is gone.
    this.#output.on('error', close);
    return Promise.resolve();
  }

  /** Resolves when the message has been written; rejects when that can no longer happen. */
  send(message: JSONRPCMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(`${JSON.stringify(message)}\n`, (error) => {
        if (error) {
          reject(error);
          return;
        }
        this.onwritten?.(message);
        resolve();
      });
    });
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#input.pause();
      this.onclose?.();
    }
    return Promise.resolve();
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      this.#keep(rest.subarray(0, end));
      this.#take();
      rest = rest.subarray(end + 1);
    }
    this.#keep(rest);
  }

  #keep(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > MAX_BODY_BYTES) this.#parts = [];
    else this.#parts.push(part);
  }

  #take(): void {
    const size = this.#size;
    const line = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    if (this.#closed || size === 0) return;
    if (size > MAX_BODY_BYTES) {
      this.#refuse(INVALID_REQUEST, `A message may have at most ${String(MAX_BODY_BYTES)} bytes.`);
    } else if (!isUtf8(line)) {
      this.#refuse(PARSE_ERROR, 'The message is not UTF-8.');
    } else {
      this.#parse(line.toString('utf8'));
    }
  }

  #parse(text: string): void {
    const parsed = parseStrictJson(text, { maxDepth: MAX_JSON_DEPTH });
    if (!parsed.ok) {
      this.#refuse(PARSE_ERROR, `The message was refused at character ${String(parsed.position)}: ${parsed.reason}.`);
    } else if (Array.isArray(parsed.value)) {
      this.#refuse(INVALID_REQUEST, 'JSON-RPC batches are not accepted: send one message at a time.');
    } else {
      let message: JSONRPCMessage;
      try {
        message = parseJSONRPCMessage(parsed.value);
      } catch {
        this.#refuse(INVALID_REQUEST, 'This is no JSON-RPC 2.0 message.');
        return;
      }
      this.onmessage?.(message);
    }
  }

  #refuse(code: number, words: string): void {
    // JSON-RPC 2.0, section 5: the id is null where it could not be read. The SDK's type knows no such answer.
    const answer = { jsonrpc: '2.0', id: null, error: { code, message: words } } as unknown as JSONRPCMessage;
    this.send(answer).catch((error: unknown) => this.onerror?.(error as Error));
  }
}
