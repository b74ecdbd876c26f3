// The test's upstream over Streamable HTTP, on SDK v2 (2026-07-28, and 2025 without sessions) or v1 (2025, with sessions).
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { createUpstreamV1 } from './upstream-v1.ts';
import { createUpstream } from './upstream-v2.ts';
import { UpstreamTools } from './upstream-tools.ts';

export interface HttpUpstream extends AsyncDisposable {
  readonly url: string;
  /** Of every request, in order. */
  readonly received: { readonly method: string; readonly headers: IncomingHttpHeaders }[];
  /** Answers in the place of the server, until it is taken away. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
}

export async function startHttpUpstream(sdk: 'v1' | 'v2'): Promise<HttpUpstream> {
  const tools = new UpstreamTools();
  const handle = sdk === 'v1' ? sessions(tools) : stateless(tools);
  const received: HttpUpstream['received'] = [];
  const server = createServer((request, response) => {
    received.push({ method: request.method ?? '', headers: request.headers });
    if (upstream.instead !== undefined) upstream.instead(request, response);
    else void handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: HttpUpstream = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/mcp`,
    received,
    instead: undefined,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return upstream;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function sessions(tools: UpstreamTools): Handle {
  const open = new Map<string, StreamableHTTPServerTransport>();
  return async (request, response) => {
    let transport = open.get(String(request.headers['mcp-session-id']));
    if (transport === undefined) {
      const made = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => void open.set(id, made),
        onsessionclosed: (id) => void open.delete(id),
      });
      // The SDK's types are without exactOptionalPropertyTypes.
      await createUpstreamV1(tools).connect(made);
      transport = made;
    }
    await transport.handleRequest(request, response);
  };
}

function stateless(tools: UpstreamTools): Handle {
  const handler = createMcpHandler(() => createUpstream(tools, () => handler.notify.toolsChanged()));
  return async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const body = chunks.length === 0 ? null : Buffer.concat(chunks);
    const url = `http://${String(request.headers.host)}${request.url ?? ''}`;
    const answer = await handler.fetch(
      new Request(url, { method: request.method ?? '', headers, body, signal: gone.signal }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
    response.end();
  };
}
