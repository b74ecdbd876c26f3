// One connection to an upstream server, either era: what it offers now, and calls. It never reconnects; src above it does.
import { setTimeout as delay } from 'node:timers/promises';
import {
  Client,
  type CallToolResult,
  type jsonSchemaValidator,
  type JsonSchemaValidatorResult,
  type Progress,
  type Transport,
} from '@modelcontextprotocol/client';
import { untilAborted } from '../../src/core/deadline.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { DefinitionWatch } from './definition-watch.ts';
import { UpstreamFault } from './frame-guard.ts';
import {
  COMPARED_FOR_MS,
  CONNECT_TIMEOUT_MS,
  LIST_INTERVAL_MS,
  MAX_DEFINITIONS,
  MAX_LIST_PAGES,
  PROBE_TIMEOUT_MS,
} from './limits.ts';
import { readDefinition, type LiveDefinition } from './tool-definition.ts';

/** A transport that says why it ended; in words for operators, with nothing of the upstream's. */
export interface UpstreamTransport extends Transport {
  /** Undefined while it is open. */
  readonly ending: string | undefined;
  /** The same, where it did not end because it was closed on this side. */
  readonly fault: string | undefined;
}

export interface UpstreamCall {
  readonly signal: AbortSignal;
  /** Milliseconds; the signal comes first where all is well. */
  readonly timeoutMs: number;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Results are held against what was pinned, with patterns that run in linear time: not by the SDK, against what it was told. */
const TAKES_ANYTHING: jsonSchemaValidator = {
  getValidator:
    <T>() =>
    (input: unknown): JsonSchemaValidatorResult<T> => ({ valid: true, data: input as T, errorMessage: undefined }),
};

export class UpstreamConnection {
  readonly #client: Client;
  readonly #transport: UpstreamTransport;
  readonly openedAt = performance.now();
  readonly #watches = new Set<DefinitionWatch>();
  #live: readonly LiveDefinition[] = [];
  #askedAt = -Infinity;
  #listedAt = -Infinity;
  #stale = true;
  #listing: Promise<void> | undefined;

  private constructor(transport: UpstreamTransport) {
    this.#transport = transport;
    this.#client = new Client(
      { name: 'sallyport', version: '1' },
      {
        // None: what an upstream asks of the caller (sampling, elicitation, roots) is refused by the SDK.
        capabilities: {},
        inputRequired: { autoFulfill: false },
        versionNegotiation: { mode: 'auto', probe: { timeoutMs: PROBE_TIMEOUT_MS } },
        jsonSchemaValidator: TAKES_ANYTHING,
        listMaxPages: MAX_LIST_PAGES,
        listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => this.#changed() } },
      },
    );
    // Of no use to anybody but the upstream's makers, and it may quote what must not be told.
    this.#client.onerror = () => undefined;
  }

  /** Connects, and asks what is offered. Rejects with UpstreamFault, or an error of the SDK's. */
  static async open(newTransport: () => UpstreamTransport, signal: AbortSignal): Promise<UpstreamConnection> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    const first = new UpstreamConnection(newTransport());
    try {
      return await first.#connect(bounded, 'auto');
    } catch (error) {
      // Some servers of the 2025 era end when they are asked the first question of the 2026 era.
      const died = first.#transport.ending?.startsWith('the child process ended') === true;
      if (!died || bounded.aborted) throw error;
      return await new UpstreamConnection(newTransport()).#connect(bounded, 'legacy');
    }
  }

  async #connect(signal: AbortSignal, era: 'auto' | 'legacy'): Promise<this> {
    const prior = era === 'legacy' ? { prior: { kind: 'legacy' } as const } : {};
    // The SDK's first question of the 2026 era is not stopped by a signal.
    const stop = (): void => void this.#transport.close().catch(() => undefined);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.#client.connect(this.#transport, { signal, timeout: CONNECT_TIMEOUT_MS, ...prior });
      await untilAborted(this.#list(), signal);
    } catch (error) {
      // Before it is closed, which would be the reason then.
      const why = this.#transport.fault;
      await this.close();
      throw why === undefined ? error : new UpstreamFault(why, { cause: error });
    } finally {
      signal.removeEventListener('abort', stop);
    }
    return this;
  }

  /** Undefined while it is open. */
  get ending(): string | undefined {
    return this.#transport.ending;
  }

  /** From now on, and for what is offered now. */
  watchedBy(watch: DefinitionWatch): void {
    this.#watches.add(watch);
    watch.compare(this.#live);
  }

  get live(): readonly LiveDefinition[] {
    return this.#live;
  }

  /** Sees to it that what is offered is known as of now, or of a moment ago. */
  async listed(signal: AbortSignal): Promise<void> {
    if (this.#isFresh()) return;
    await untilAborted(this.#list(), signal);
  }

  call(name: string, args: JsonObject, { signal, timeoutMs, onProgress }: UpstreamCall): Promise<CallToolResult> {
    const definition = this.#live.find((one) => one.definition.name === name)?.definition;
    return this.#client.callTool(
      { name, arguments: args },
      {
        signal,
        timeout: timeoutMs,
        // Headers that mirror arguments are made of this; results are not held against it.
        ...(definition && { toolDefinition: { name, inputSchema: { ...definition.inputSchema, type: 'object' } } }),
        ...(onProgress && { onprogress: onProgress }),
      },
    );
  }

  async close(): Promise<void> {
    await this.#client.close().catch(() => undefined);
    await this.#transport.close().catch(() => undefined);
  }

  /** The upstream says that its tools have changed. */
  #changed(): void {
    this.#stale = true;
    this.#list().catch(() => undefined);
  }

  #isFresh(): boolean {
    return !this.#stale && performance.now() - this.#listedAt < COMPARED_FOR_MS;
  }

  /** However many ask: one list is on its way at a time, and what changes meanwhile is asked for again. */
  async #list(): Promise<void> {
    while (!this.#isFresh()) {
      this.#listing ??= this.#ask().finally(() => (this.#listing = undefined));
      await this.#listing;
    }
  }

  async #ask(): Promise<void> {
    // An upstream that says without end that it has changed is asked now and then.
    const early = this.#askedAt + LIST_INTERVAL_MS - performance.now();
    if (early > 0) await delay(early);
    this.#askedAt = performance.now();
    this.#stale = false;
    try {
      const { tools } = await this.#client.listTools(undefined, {
        cacheMode: 'bypass',
        timeout: CONNECT_TIMEOUT_MS,
      });
      if (tools.length > MAX_DEFINITIONS) throw new UpstreamFault('the upstream offers too many tools');
      this.#live = tools.map((tool) => readDefinition(tool as unknown as JsonObject));
    } catch (error) {
      this.#stale = true;
      throw error;
    }
    this.#listedAt = performance.now();
    for (const watch of this.#watches) watch.compare(this.#live);
  }
}
