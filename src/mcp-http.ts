// One endpoint for both eras, stateless: gives the answer to one JSON-RPC message whose sender is known.
// 2026-07-28 is served by the SDK's handler; 2025-era requests each by a server and transport of their own.
import { randomUUID } from 'node:crypto';
import {
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  isLegacyRequest,
} from '@modelcontextprotocol/server';
import type { Json, JsonObject } from './core/json.ts';
import { isJsonObject } from './core/json.ts';
import { MAX_SESSION_LABEL_CHARS } from './core/limits.ts';
import type { Principal } from './core/principal.ts';
import { createMcpServer, type Caller, type McpOptions } from './mcp.ts';
import { RunningCalls, type RequestId } from './mcp-cancellation.ts';

export interface Sender {
  readonly principal: Principal;
  readonly identifyMs: number;
  /** Aborted when the connection closes before the answer has been written. */
  readonly gone: AbortSignal;
  readonly onDelivered: (delivered: () => void) => void;
}

export interface McpHttp {
  /** `headers` are those the protocol gives a meaning, without the token. `message` has passed the bounds of the edge. */
  answer(message: Json, headers: Headers, sender: Sender): Promise<Response>;
  /** Cuts off 2026-era exchanges that are still running. */
  close(): Promise<void>;
}

const SESSION_HEADER = 'mcp-session-id';

export function createMcpHttp(options: McpOptions): McpHttp {
  const { logger } = options;
  const running = new RunningCalls();
  /** How the SDK's handler, which knows requests alone, finds the caller of each. */
  const callers = new WeakMap<Request, Caller>();

  const modern = createMcpHandler(
    ({ requestInfo }) => {
      const caller = requestInfo === undefined ? undefined : callers.get(requestInfo);
      if (caller === undefined) throw new Error('an MCP exchange without a caller');
      return createMcpServer(options, () => caller);
    },
    {
      legacy: 'reject',
      onerror: (error) => {
        logger.debug({ err: error }, 'an MCP request was not served');
      },
    },
  );

  async function answerModern(request: Request, message: Json, sender: Sender): Promise<Response> {
    callers.set(request, { ...sender, onDelivered: sender.onDelivered, sessionLabel: undefined, signal: sender.gone });
    return modern.fetch(request, { parsedBody: message });
  }

  async function answerLegacy(request: Request, message: Json, sender: Sender): Promise<Response> {
    const session = request.headers.get(SESSION_HEADER) ?? undefined;
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) {
      if (session !== undefined) running.cancel(sender.principal.key, session, cancelled);
      return new Response(null, { status: 202 });
    }

    // In this era a lost connection does not cancel; only a notification that names session and id does.
    const id = requestId(message);
    using call =
      session === undefined || id === undefined ? undefined : running.start(sender.principal.key, session, id);
    const caller = { ...sender, sessionLabel: session, signal: call?.signal ?? new AbortController().signal };
    const server = createMcpServer(options, () => caller);
    try {
      const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
      await server.connect(transport);
      const response = await transport.handleRequest(request, { parsedBody: message });
      if (isInitialize(message) && response.ok) response.headers.set(SESSION_HEADER, randomUUID());
      return response;
    } finally {
      await server.close();
    }
  }

  return {
    async answer(message, headers, sender) {
      const label = headers.get(SESSION_HEADER);
      if (label !== null && label.length > MAX_SESSION_LABEL_CHARS) {
        return rpcError(400, -32600, `Mcp-Session-Id may have at most ${String(MAX_SESSION_LABEL_CHARS)} characters.`);
      }
      // The URL is never looked at; a Request must have one.
      const request = new Request('http://sallyport.invalid/mcp', { method: 'POST', headers, signal: sender.gone });
      const legacy = await isLegacyRequest(request, message);
      return legacy ? answerLegacy(request, message, sender) : answerModern(request, message, sender);
    },
    close: () => modern.close(),
  };
}

function rpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}

function requestId(message: Json): RequestId | undefined {
  return isJsonObject(message) && 'method' in message ? asId(message['id']) : undefined;
}

function cancelledId(message: Json): RequestId | undefined {
  if (!isJsonObject(message) || message['method'] !== 'notifications/cancelled') return undefined;
  const params = message['params'];
  return isJsonObject(params) ? asId(params['requestId']) : undefined;
}

function isInitialize(message: Json): message is JsonObject {
  return isJsonObject(message) && message['method'] === 'initialize';
}

function asId(value: Json | undefined): RequestId | undefined {
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}
