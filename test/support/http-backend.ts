// A real HTTP server to call, leases for it, and tools of kind `http` over it, without the rest of the broker.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse } from 'yaml';
import { type Credential, Intent, Lease } from '../../src/core/evidence.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Report } from '../../src/core/problem.ts';
import type { ToolAnswer } from '../../src/core/tool.ts';
import { uuidv7 } from '../../src/core/uuid.ts';
import { objectSchema, type InputProperty } from '../../src/policy/input-schema.ts';
import { systemResolve, type Resolve } from '../../tools/http/addresses.ts';
import { createHttpKind } from '../../tools/http/http-kind.ts';
import type { CompiledTool, Document } from '../../tools/tool-kind.ts';
import { permitOf } from './permitted-intent.ts';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface HttpServer extends AsyncDisposable {
  /** http://127.0.0.1:PORT */
  readonly origin: string;
  readonly port: number;
  readonly received: Received[];
  /** How many there have been. */
  connections(): number;
  cutConnections(): void;
}

/** Answers what `handle` says; keeps what it was sent. */
export async function serveHttp(
  handle: (request: Received, response: ServerResponse) => void,
  host = '127.0.0.1',
): Promise<HttpServer> {
  const received: Received[] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      const one = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() };
      received.push(one);
      handle(one, response);
    });
  };
  const server = createServer(listener);
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    port,
    received,
    connections: () => connections,
    cutConnections: () => {
      server.closeAllConnections();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export interface CompiledHttp {
  readonly tools: readonly CompiledTool[];
  /** `path: message`, each on a line; warnings say so. */
  readonly problems: readonly string[];
}

/** @param written a tool's declaration in YAML; @param backend the backend's keys beside `kind`, in YAML */
export function compileHttp(
  backend: string,
  written: string,
  { resolve = systemResolve, document }: { resolve?: Resolve; document?: string } = {},
): CompiledHttp {
  const kind = createHttpKind(resolve);
  const options = kind.backend.parse(parse(backend));
  const { input = {}, readOnly = false, limits = {}, ...own } = parse(written) as Record<string, unknown>;
  const properties = input as Readonly<Record<string, InputProperty>>;
  const problems: string[] = [];
  const note =
    (severity: string) =>
    ({ path }: { path: readonly (string | number)[] }, message: string): void => {
      problems.push(`${severity}${path.join('.')}: ${message}`);
    };
  const report: Report = { error: note(''), warning: note('warning: ') };
  const documents = new Map<string, Document>(
    document === undefined ? [] : [['openapi', { file: '/policies/api.yaml', text: document }]],
  );
  const declared = { name: 'api', directory: '/', options, documents };
  kind.checkBackend?.(declared, report);
  const tools = kind.compile(
    {
      name: 'tool',
      backend: declared,
      declaration: kind.tool.parse(own),
      input: {
        properties: objectSchema(properties)['properties'] as Record<string, JsonObject>,
        optional: Object.keys(properties).filter((name) => properties[name]?.optional === true),
      },
      annotations: { readOnly: readOnly === true, destructive: false, idempotent: false },
      limits: { rows: 50, bytes: 262_144, timeoutMs: 10_000, ...(limits as object) },
    },
    report,
  );
  return { tools, problems };
}

/** A tool that must be without problems, on a server of a test. */
export function httpTool(origin: string, written: string, resolve?: Resolve): CompiledTool {
  const backend = `{ url: "${origin}/base", privateAddresses: [127.0.0.0/8, "::1"] }`;
  const { tools, problems } = compileHttp(backend, written, resolve === undefined ? {} : { resolve });
  const [tool] = tools;
  if (problems.length > 0 || tool === undefined) throw new Error(problems.join('; '));
  return tool;
}

export interface HttpLease extends AsyncDisposable {
  readonly lease: Lease;
  readonly ended: AbortController;
  call(
    tool: Pick<CompiledTool, 'call'>,
    args?: JsonObject,
    more?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<ToolAnswer>;
}

export function httpLease(credential: Credential = {}): HttpLease {
  const ended = new AbortController();
  const resources = new AsyncDisposableStack();
  const expiresAt = Date.now() + 60_000;
  const facts = { backend: 'api', provider: 'static', credential, expiresAt, ended: ended.signal, resources };
  const lease = Lease.issued({ id: uuidv7(Date.now()), ...facts });
  return {
    lease,
    ended,
    call(tool, args = {}, { timeoutMs = 10_000, signal } = {}) {
      const signals = [AbortSignal.timeout(timeoutMs), ended.signal, ...(signal === undefined ? [] : [signal])];
      return tool.call({
        intent: Intent.recorded(permitOf(), 1),
        lease,
        arguments: args,
        deadline: Date.now() + timeoutMs,
        signal: AbortSignal.any(signals),
      });
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await resources.disposeAsync();
    },
  };
}
