// A declared upstream server: one connection for each lease, made when it is first needed, ended with the lease, made
// anew when it broke, and not too often.
import type { Credential, Lease } from '../../src/core/evidence.ts';
import { untilAborted } from '../../src/core/deadline.ts';
import { BackendError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { UpstreamConnection, type UpstreamTransport } from './connection.ts';
import { BoundedHttpTransport } from './http-transport.ts';
import { RESTART_WAIT_MAX_MS, RESTART_WAIT_MS, STEADY_AFTER_MS } from './limits.ts';
import type { McpBackend } from './mcp-backend.ts';
import { WatchedStdioTransport } from './stdio-transport.ts';

/** A transport that has not started, with the lease's credential. Throws BackendError where the credential does not fit. */
export function transportTo(backend: McpBackend, credential: Credential): UpstreamTransport {
  if (backend.url !== undefined) {
    return new BoundedHttpTransport(new URL(backend.url), credentialHeaders(backend, credential));
  }
  const [file = '', ...args] = backend.command ?? [];
  const env: Record<string, string> = { ...backend.env };
  for (const [name, field] of Object.entries(backend.credentialEnv)) env[name] = revealed(credential, field);
  return new WatchedStdioTransport({ file, args, directory: backend.directory ?? process.cwd(), env });
}

function credentialHeaders({ token: place }: McpBackend, credential: Credential): Record<string, string> {
  if (credential['token'] !== undefined) {
    const token = revealed(credential, 'token');
    return place === undefined ? { Authorization: `Bearer ${token}` } : { [place.header]: `${place.prefix}${token}` };
  }
  if (credential['user'] === undefined) return {};
  const login = `${revealed(credential, 'user')}:${revealed(credential, 'password')}`;
  return { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function revealed(credential: Credential, field: string): string {
  const value = credential[field];
  if (value === undefined) {
    throw new BackendError('backend_unavailable', `the credential of the lease has no field "${field}"`);
  }
  return value instanceof Secret ? value.reveal() : value;
}

/** The connections of one backend, as it is declared. */
export class Upstream {
  readonly #backend: McpBackend;
  readonly #slots = new WeakMap<Lease, Slot>();
  /** Starts that failed, whoever asked. */
  readonly #starts = new BackOff();

  constructor(backend: McpBackend) {
    this.#backend = backend;
  }

  /** The lease's connection, open and listed. Throws BackendError; nothing was asked of a tool then. */
  async connection(lease: Lease, signal: AbortSignal): Promise<UpstreamConnection> {
    if (lease.resources.disposed) throw new BackendError('cancelled', 'the lease has ended');
    let slot = this.#slots.get(lease);
    if (slot === undefined) {
      slot = new Slot(() => transportTo(this.#backend, lease.credential), this.#starts);
      this.#slots.set(lease, slot);
      lease.resources.use(slot);
    }
    return slot.connection(signal);
  }
}

/** What one lease has of an upstream. */
class Slot implements AsyncDisposable {
  readonly #newTransport: () => UpstreamTransport;
  readonly #starts: BackOff;
  readonly #breaks = new BackOff();
  readonly #ended = new AbortController();
  #opening: Promise<UpstreamConnection> | undefined;
  #open: UpstreamConnection | undefined;

  constructor(newTransport: () => UpstreamTransport, starts: BackOff) {
    this.#newTransport = newTransport;
    this.#starts = starts;
  }

  connection(signal: AbortSignal): Promise<UpstreamConnection> {
    const open = this.#open;
    if (open?.ending === undefined && open !== undefined) return Promise.resolve(open);
    if (open !== undefined) {
      this.#open = undefined;
      void open.close();
      if (performance.now() - open.openedAt < STEADY_AFTER_MS) this.#breaks.failed();
      else this.#breaks.succeeded();
    }
    this.#opening ??= this.#start().finally(() => (this.#opening = undefined));
    // Whoever waits may give up; the others wait on.
    this.#opening.catch(() => undefined);
    return untilAborted(this.#opening, signal);
  }

  async #start(): Promise<UpstreamConnection> {
    const waitMs = Math.max(this.#starts.waitMs(), this.#breaks.waitMs());
    if (waitMs > 0) {
      const detail = `the upstream failed; it is started again in ${Math.ceil(waitMs)} ms at the earliest`;
      throw new BackendError('backend_unavailable', detail);
    }
    let connection: UpstreamConnection;
    try {
      connection = await UpstreamConnection.open(this.#newTransport, this.#ended.signal);
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#starts.failed();
      throw error;
    }
    this.#starts.succeeded();
    this.#open = connection;
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new BackendError('cancelled', 'the lease has ended'));
    await this.#opening?.catch(() => undefined);
    await this.#open?.close();
  }
}

class BackOff {
  #failures = 0;
  #notBefore = 0;

  waitMs(): number {
    return this.#notBefore - performance.now();
  }

  failed(): void {
    this.#notBefore = performance.now() + Math.min(RESTART_WAIT_MAX_MS, RESTART_WAIT_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBefore = 0;
  }
}
