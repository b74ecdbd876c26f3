// One endpoint for both eras, stateless: gives the answer to one JSON-RPC message whose sender is known.
// A plain tools/call is answered here. All else is the SDK's: 2026-07-28 is served by its handler, 2025-era requests each by
// a server and transport of their own.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  isLegacyRequest,
} from '@modelcontextprotocol/server';
import type { Reply } from './core/broker.ts';
import type { Json, JsonObject } from './core/json.ts';
import { isJsonObject } from './core/json.ts';
import { MAX_SESSION_LABEL_CHARS } from './core/limits.ts';
import type { InboundToken } from './core/inbound-token.ts';
import type { Principal } from './core/principal.ts';
import { createMcpServer, heldPatience, serverInfo, takeCall, WAITS, type Caller, type McpOptions } from './mcp.ts';
import { RunningCalls, type RequestId } from './mcp-cancellation.ts';
import { plainAnswer, plainCall, type PlainCall } from './mcp-plain-call.ts';

export interface Sender {
  readonly principal: Principal;
  readonly inbound?: InboundToken | undefined;
  readonly identifyMs: number;
  /** Aborted when the connection closes before the answer has been written. */
  readonly gone: AbortSignal;
  readonly onDelivered: (delivered: () => void) => void;
  readonly notify?: Caller['notify'];
}

/** JSON, with status 200. */
export interface PlainText {
  readonly text: string;
}

export interface McpHttp {
  /** `headers` are the request's: those alone are read that the protocol gives a meaning. `message` has passed the bounds of the edge. */
  answer(message: Json, headers: IncomingHttpHeaders, sender: Sender): Promise<Response | PlainText>;
  /** Cuts off 2026-era exchanges that are still running. */
  close(): Promise<void>;
}

/** A caller as the SDK's server is to see it. `reply` is there when its call has been made already. */
interface SdkCaller extends Caller {
  readonly reply?: Reply;
}

const SESSION_HEADER = 'mcp-session-id';

export function createMcpHttp(options: McpOptions): McpHttp {
  const { broker, logger, version, waits = WAITS } = options;
  const info = serverInfo(version);
  const running = new RunningCalls(options.cancellations);
  /** How the SDK's handler, which knows requests alone, finds the caller of each. */
  const callers = new WeakMap<Request, SdkCaller>();

  const modern = createMcpHandler(
    ({ requestInfo }) => {
      const caller = requestInfo === undefined ? undefined : callers.get(requestInfo);
      if (caller === undefined) throw new Error('an MCP exchange without a caller');
      return serverFor(caller);
    },
    {
      legacy: 'reject',
      onerror: (error) => {
        logger.debug({ err: error }, 'an MCP request was not served');
      },
    },
  );

  function serverFor(caller: SdkCaller): ReturnType<typeof createMcpServer> {
    const { reply } = caller;
    const made = reply && {
      list: (principal: Principal) => broker.list(principal),
      invoke: () => Promise.resolve(reply),
    };
    return createMcpServer({ ...options, broker: made ?? broker }, () => caller);
  }

  async function answerPlain(call: PlainCall, sender: Sender, session: string | undefined): Promise<PlainText | Reply> {
    const patience = call.modern ? { ms: waits.roundMs, comesBack: true } : heldPatience(options, sender.principal);
    using started = call.modern ? undefined : startLegacy(sender, session, call.id);
    const caller: Caller = {
      ...sender,
      sessionLabel: call.modern ? undefined : session,
      signal: call.modern ? sender.gone : (started?.signal ?? new AbortController().signal),
    };
    const reply = await takeCall(options, caller, call.params, patience);
    const text = plainAnswer(call, reply, info);
    if (text === undefined) return reply;
    sender.onDelivered(() => {
      reply.delivered();
    });
    return { text };
  }

  /** In this era a lost connection does not cancel; only a notification that names session and id does. */
  function startLegacy(sender: Sender, session: string | undefined, id: RequestId | undefined) {
    if (session === undefined || id === undefined) return undefined;
    return running.start(sender.principal.key, session, id);
  }

  /** A notification is answered with nothing; one that could not be passed on leaves its call running. */
  async function cancel(principalKey: string, session: string, id: RequestId): Promise<void> {
    await running.cancel(principalKey, session, id).catch((error: unknown) => {
      logger.warn({ err: error }, 'the other brokers could not be told of a cancellation');
    });
  }

  async function answerModern(request: Request, message: Json, sender: Sender, reply?: Reply): Promise<Response> {
    callers.set(request, { ...sender, sessionLabel: undefined, signal: sender.gone, ...(reply && { reply }) });
    return modern.fetch(request, { parsedBody: message });
  }

  async function answerLegacy(request: Request, message: Json, sender: Sender, reply?: Reply): Promise<Response> {
    const session = request.headers.get(SESSION_HEADER) ?? undefined;
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) {
      if (session !== undefined) await cancel(sender.principal.key, session, cancelled);
      return new Response(null, { status: 202 });
    }

    using call = startLegacy(sender, session, requestId(message));
    const caller = {
      ...sender,
      sessionLabel: session,
      signal: call?.signal ?? new AbortController().signal,
      ...(reply && { reply }),
    };
    const server = serverFor(caller);
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
      const label = headers[SESSION_HEADER] as string | undefined;
      if (label !== undefined && label.length > MAX_SESSION_LABEL_CHARS) {
        return rpcError(400, -32600, `Mcp-Session-Id may have at most ${String(MAX_SESSION_LABEL_CHARS)} characters.`);
      }
      const plain = plainCall(message, headers);
      const answered = plain && (await answerPlain(plain, sender, label));
      if (answered !== undefined && 'text' in answered) return answered;
      // The URL is never looked at; a Request must have one.
      const url = 'http://sallyport.invalid/mcp';
      const request = new Request(url, { method: 'POST', headers: protocolHeaders(headers), signal: sender.gone });
      const legacy = await isLegacyRequest(request, message);
      return legacy
        ? answerLegacy(request, message, sender, answered)
        : answerModern(request, message, sender, answered);
    },
    close: () => modern.close(),
  };
}

/** Those that the protocol gives a meaning, and no other: neither token nor cookie goes any further. */
export function protocolHeaders(received: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(received)) {
    const meant = name === 'accept' || name === 'content-type' || name.startsWith('mcp-');
    if (meant && value !== undefined) headers.set(name, String(value));
  }
  return headers;
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
