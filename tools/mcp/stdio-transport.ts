// MCP over a child's stdin and stdout, as the SDK's Client wants it. The SDK's own transport adds the broker's environment,
// and kills the child alone.
import { parseJSONRPCMessage, type JSONRPCMessage, type Transport } from '@modelcontextprotocol/client';
import { cleanText } from './clean-text.ts';
import { WatchedChild, type Command } from './child-process.ts';
import { FrameGuard, UpstreamFault, ValueCounter } from './frame-guard.ts';
import { MAX_FRAME_BYTES, MAX_FRAME_VALUES, MAX_STDERR_CHARS } from './limits.ts';

const NEW_LINE = 0x0a;
const CLOSED = 'it was closed';

export class WatchedStdioTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport['onmessage'];
  readonly #command: Command;
  readonly #guard = new FrameGuard();
  #child: WatchedChild | undefined;
  #line: Buffer[] = [];
  #lineBytes = 0;
  #stderr = '';
  /** Something came before in the same breath that is no answer. */
  #told = false;
  ending: string | undefined;

  constructor(command: Command) {
    this.#command = command;
  }

  /** The SDK takes a transport with `pid` and `stderr` for one over stdio. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The last of what the child said there: whoever shows it knows that it may hold the child's secrets. */
  get stderr(): string {
    return cleanText(this.#stderr);
  }

  get fault(): string | undefined {
    return this.ending === CLOSED ? undefined : this.ending;
  }

  async start(): Promise<void> {
    const child = (this.#child = new WatchedChild(this.#command));
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARS);
    });
    void child.ended.then(
      (how) => this.#end(`the child process ended: ${how}`),
      (error: unknown) => this.#end(`the child process could not be started: ${codeOf(error)}`),
    );
  }

  send(message: JSONRPCMessage): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.ending !== undefined) return Promise.reject(new Error('not connected'));
    this.#guard.sending(message);
    // A child that does not read has its own calls wait, until their deadlines.
    if (child.stdin.write(`${JSON.stringify(message)}\n`)) return Promise.resolve();
    return new Promise((resolve) => {
      child.stdin.once('drain', resolve);
      child.stdin.once('close', resolve);
    });
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#end(CLOSED);
    await child?.stop();
  }

  #read(chunk: Buffer): void {
    let from = 0;
    this.#told = false;
    try {
      for (let to = chunk.indexOf(NEW_LINE); to !== -1; to = chunk.indexOf(NEW_LINE, from)) {
        this.#keep(chunk.subarray(from, to));
        from = to + 1;
        const line = this.#line.length === 1 ? this.#line[0] : Buffer.concat(this.#line);
        this.#line = [];
        this.#lineBytes = 0;
        if (this.ending === undefined && line !== undefined) this.#receive(line);
      }
      this.#keep(chunk.subarray(from));
    } catch (error) {
      this.#fail(error);
    }
  }

  #keep(part: Buffer): void {
    this.#lineBytes += part.length;
    if (this.#lineBytes > MAX_FRAME_BYTES)
      throw new UpstreamFault(`the upstream sent a message of more than ${MAX_FRAME_BYTES / 1_048_576} MiB`);
    this.#line.push(part);
  }

  #receive(line: Buffer): void {
    if (line.length > MAX_FRAME_VALUES && new ValueCounter().add(line).count > MAX_FRAME_VALUES)
      throw new UpstreamFault(`the upstream sent a message with more than ${MAX_FRAME_VALUES} values`);
    const message = parse(line);
    // Servers that print to stdout are common: their noise counts, and is passed over.
    if (message === undefined) {
      this.#guard.unasked(line.length);
      return;
    }
    this.#guard.received(message, line.length);
    if ('method' in message) this.#told = true;
    // The SDK hands notifications on a moment later, and forgets a request with its answer: progress would be lost.
    if ('method' in message || !this.#told) this.onmessage?.(message);
    else setImmediate(() => this.onmessage?.(message));
  }

  #fail(error: unknown): void {
    const why = error instanceof UpstreamFault ? error.message : 'a message of the upstream could not be handled';
    this.onerror?.(new UpstreamFault(why));
    this.#end(why);
    this.#child?.kill();
  }

  #end(why: string): void {
    if (this.ending !== undefined) return;
    this.ending = why;
    this.#line = [];
    this.onclose?.();
  }
}

function parse(line: Buffer): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(JSON.parse(line.toString('utf8')));
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
