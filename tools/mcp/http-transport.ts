// MCP over Streamable HTTP: the SDK's transport, to the declared origin alone, with the lease's credential, within bounds.
import {
  StreamableHTTPClientTransport,
  type JSONRPCMessage,
  type Transport,
  type TransportSendOptions,
} from '@modelcontextprotocol/client';
import { FrameGuard, UpstreamFault, ValueCounter } from './frame-guard.ts';
import {
  MAX_FRAME_BYTES,
  MAX_FRAME_VALUES,
  STREAM_WAIT_MAX_MS,
  STREAM_WAIT_MS,
  UNASKED_BYTES_PER_S,
  UNASKED_VALUES_PER_S,
} from './limits.ts';

export class BoundedHttpTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport['onmessage'];
  readonly hasPerRequestStream = true;
  readonly #inner: StreamableHTTPClientTransport;
  readonly #guard = new FrameGuard();
  ending: string | undefined;
  fault: string | undefined;

  /** @param headers of every request; the credential among them */
  constructor(url: URL, headers: Readonly<Record<string, string>>) {
    this.#inner = new StreamableHTTPClientTransport(url, {
      // A redirect would take the credential elsewhere.
      requestInit: { headers, redirect: 'error' },
      fetch: async (target, init) => bounded(await fetch(target, init), (error) => this.#fail(error)),
      onInsufficientScope: 'throw',
      // The SDK would wait for as long as the upstream says, which may be no time at all.
      reconnectionScheduler: (reconnect, waitMs) => {
        const timer = setTimeout(reconnect, Math.min(Math.max(waitMs, STREAM_WAIT_MS), STREAM_WAIT_MAX_MS)).unref();
        return () => clearTimeout(timer);
      },
    });
    this.#inner.onclose = () => this.#end('the connection was closed');
    this.#inner.onerror = (error) => this.onerror?.(error);
    this.#inner.onmessage = (message: JSONRPCMessage) => {
      try {
        this.#guard.received(message, 0);
      } catch (error) {
        this.#fail(error as Error);
        return;
      }
      this.onmessage?.(message);
    };
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion(version);
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    this.#guard.sending(message, options);
    await this.#inner.send(message, options as Parameters<StreamableHTTPClientTransport['send']>[1]);
  }

  async close(): Promise<void> {
    // 2025-era servers keep a session until they are told; one that does not answer is not waited for.
    if (this.#inner.sessionId !== undefined) {
      const told = this.#inner.terminateSession().catch(() => undefined);
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
    }
    await this.#inner.close();
    this.#end('it was closed');
  }

  #fail(error: Error): void {
    const why = error instanceof UpstreamFault ? error.message : 'a message of the upstream could not be handled';
    this.fault ??= why;
    this.onerror?.(new UpstreamFault(why));
    this.#end(why);
    void this.#inner.close();
  }

  #end(why: string): void {
    if (this.ending !== undefined) return;
    this.ending = why;
    this.onclose?.();
  }
}

/** The same response, whose body fails once it has grown beyond a frame and what may trickle in while it is open. */
function bounded(response: Response, failed: (error: UpstreamFault) => void): Response {
  if (response.body === null) return response;
  const started = performance.now();
  let bytes = 0;
  const values = new ValueCounter();
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.length;
        values.add(chunk);
        const openS = (performance.now() - started) / 1_000;
        const isSmall = bytes <= MAX_FRAME_BYTES + openS * UNASKED_BYTES_PER_S;
        if (isSmall && values.count <= MAX_FRAME_VALUES + openS * UNASKED_VALUES_PER_S) {
          controller.enqueue(chunk);
          return;
        }
        const error = new UpstreamFault('an answer of the upstream is too large');
        controller.error(error);
        failed(error);
      },
    }),
  );
  const { status, statusText, headers } = response;
  const copy = new Response(counted, { status, statusText, headers });
  Object.defineProperty(copy, 'url', { value: response.url });
  return copy;
}
