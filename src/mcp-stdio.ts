// Serves one agent over stdio, in whichever era it opens with. The token is asked for, and verified, for every request:
// that the agent started this process is no proof of who it is.
import {
  isJSONRPCErrorResponse,
  isJSONRPCResultResponse,
  ProtocolError,
  type RequestId,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Readable, Writable } from 'node:stream';
import type { InboundToken } from './core/inbound-token.ts';
import type { Principal } from './core/principal.ts';
import { createMcpServer, type McpOptions } from './mcp.ts';
import { StrictStdioTransport } from './mcp-stdio-transport.ts';

export interface StdioOptions extends McpOptions {
  /** Who is calling, as of now; else what the caller is told, in words without detail. Never rejects. */
  identify(): Promise<
    { readonly principal: Principal; readonly inbound?: InboundToken } | { readonly refusal: string }
  >;
  readonly input: Readable;
  /** Carries the protocol and nothing else. */
  readonly output: Writable;
}

export interface StdioConnection {
  /** Resolves when the agent has closed its end, or `close` was called. Calls that were running have been cancelled. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** The code of the MCP servers that answer 401 in JSON-RPC; JSON-RPC itself has none. */
const UNAUTHORIZED = -32001;

export function serveMcpStdio(options: StdioOptions): StdioConnection {
  const { logger } = options;
  const transport = new StrictStdioTransport(options.input, options.output);
  const undelivered = new Map<RequestId, () => void>();
  transport.onwritten = (message) => {
    if (!isJSONRPCResultResponse(message) && !isJSONRPCErrorResponse(message)) return;
    if (message.id === undefined) return;
    undelivered.get(message.id)?.();
    undelivered.delete(message.id);
  };

  const { promise: closed, resolve: onClosed } = Promise.withResolvers<undefined>();
  const handle = serveStdio(
    () =>
      createMcpServer(options, async ({ mcpReq }) => {
        const startedAt = performance.now();
        const identified = await options.identify();
        if ('refusal' in identified) throw new ProtocolError(UNAUTHORIZED, identified.refusal);
        return {
          principal: identified.principal,
          inbound: identified.inbound,
          identifyMs: performance.now() - startedAt,
          sessionLabel: undefined,
          signal: mcpReq.signal,
          notify: (notification) => void mcpReq.notify({ ...notification }).catch(() => undefined),
          onDelivered(delivered) {
            // A cancelled request gets no answer, so nothing would ever take its entry out.
            if (!mcpReq.signal.aborted) undelivered.set(mcpReq.id, delivered);
          },
        };
      }),
    {
      transport,
      onerror: (error) => {
        logger.debug({ err: error }, 'an MCP message was not served');
      },
    },
  );
  const { onclose } = transport;
  transport.onclose = () => {
    onclose?.();
    onClosed(undefined);
  };
  return { closed, close: () => handle.close() };
}
