// What an upstream may send: bounds on each message, and on those that nobody asked for. One for each connection.
import type { JSONRPCMessage, RequestId, TransportSendOptions } from '@modelcontextprotocol/client';
import {
  MAX_FRAME_DEPTH,
  MAX_GIVEN_UP,
  UNASKED_BURST,
  UNASKED_BURST_BYTES,
  UNASKED_BYTES_PER_S,
  UNASKED_PER_S,
} from './limits.ts';

/** The upstream broke the protocol, or a bound: its connection ends. The message is the broker's own, and quotes nothing. */
export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault';
}

export class FrameGuard {
  /** Requests on their way; an answer to any other id is a lie. */
  readonly #open = new Set<RequestId>();
  /** Requests that were given up: their answers may still come, once. */
  readonly #givenUp = new Set<RequestId>();
  readonly #messages = new Allowance(UNASKED_BURST, UNASKED_PER_S);
  readonly #bytes = new Allowance(UNASKED_BURST_BYTES, UNASKED_BYTES_PER_S);

  /** To be told of every message before it is sent. */
  sending(message: JSONRPCMessage, options?: TransportSendOptions): void {
    if (!('method' in message)) return;
    if ('id' in message) {
      const { id } = message;
      this.#open.add(id);
      // A 2026-era request over HTTP is given up by closing its stream, without a word.
      options?.requestSignal?.addEventListener('abort', () => this.#giveUp(id), { once: true });
    } else if (message.method === 'notifications/cancelled') {
      this.#giveUp(message.params?.['requestId'] as RequestId | undefined);
    }
  }

  /** To be asked about every message that came. Throws UpstreamFault for one that ends the connection. */
  received(message: JSONRPCMessage, bytes: number): void {
    if (isDeeper(message, MAX_FRAME_DEPTH)) throw new UpstreamFault('the upstream sent JSON that is nested too deep');
    if ('method' in message) this.unasked(bytes);
    else if (message.id === undefined || !(this.#open.delete(message.id) || this.#givenUp.delete(message.id)))
      throw new UpstreamFault('the upstream answered a request that was not made, or answered one twice');
  }

  /** Something came that answers nothing: a notification, a request, noise. Throws UpstreamFault where it is too much. */
  unasked(bytes: number): void {
    if (!this.#messages.take(1) || !this.#bytes.take(bytes))
      throw new UpstreamFault('the upstream sends without end what nobody asked for');
  }

  #giveUp(id: RequestId | undefined): void {
    if (id === undefined || !this.#open.delete(id)) return;
    this.#givenUp.add(id);
    const [oldest] = this.#givenUp;
    if (this.#givenUp.size > MAX_GIVEN_UP && oldest !== undefined) this.#givenUp.delete(oldest);
  }
}

/** At most one call inside another for each level. */
function isDeeper(value: unknown, max: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (max === 0) return true;
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return parts.some((part) => isDeeper(part, max - 1));
}

/** How many values JSON holds, as its bytes pass: what it would take to read it is known before anybody does. */
export class ValueCounter {
  count = 0;
  #inString = false;
  #escaped = false;

  add(bytes: Uint8Array): this {
    let { count } = this;
    let inString = this.#inString;
    let escaped = this.#escaped;
    for (const byte of bytes) {
      // No string of JSON goes on in the next line; and what stands between events may hold any quote.
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN) inString = escaped = false;
      else if (escaped) escaped = false;
      else if (byte === QUOTE) inString = !inString;
      else if (inString) escaped = byte === BACKSLASH;
      else if (byte === COMMA || byte === OPEN_BRACKET || byte === OPEN_BRACE) count++;
    }
    this.count = count;
    this.#inString = inString;
    this.#escaped = escaped;
    return this;
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;

/** A token bucket. */
class Allowance {
  readonly #most: number;
  readonly #perS: number;
  #left: number;
  #at = performance.now();

  constructor(most: number, perS: number) {
    this.#most = most;
    this.#perS = perS;
    this.#left = most;
  }

  take(amount: number): boolean {
    const now = performance.now();
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1_000) * this.#perS) - amount;
    this.#at = now;
    return this.#left >= 0;
  }
}
