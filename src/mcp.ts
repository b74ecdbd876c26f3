// The MCP edge: tools/list and tools/call ⇄ the broker, the same for both eras and every transport.
// Built on the SDK's low-level server: its high-level one answers unknown tools and bad arguments itself, so that
// they would escape policy and log.
import {
  ProtocolError,
  ProtocolErrorCode,
  Server,
  inputRequired,
  type CallToolResult,
  type ContentBlock,
  type InputRequiredResult,
  type ServerContext,
  type Tool as AdvertisedTool,
} from '@modelcontextprotocol/server';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import type { Broker, Call, Patience, Reply } from './core/broker.ts';
import type { Cancellations } from './core/cancellations.ts';
import { refuse, REFUSALS } from './core/errors.ts';
import type { Masked } from './core/evidence.ts';
import type { Json, JsonObject } from './core/json.ts';
import { LEGACY_PATIENCE_MS, MAX_SESSION_LABEL_CHARS, ROUND_MS } from './core/limits.ts';
import type { Logger } from './core/logger.ts';
import type { InboundToken } from './core/inbound-token.ts';
import type { Principal } from './core/principal.ts';
import type { Tool } from './core/tool.ts';

/** What a transport knows about one request. */
export interface Caller {
  readonly principal: Principal;
  readonly inbound?: InboundToken | undefined;
  /** Milliseconds that identifying took. */
  readonly identifyMs: number;
  /** The transport's label of the session; `_meta["sallyport/session"]` wins over it. */
  readonly sessionLabel: string | undefined;
  /** Aborted when the caller cancels, or goes away in an era where that means to cancel. */
  readonly signal: AbortSignal;
  /** `delivered` is called once the answer to this request has been written to the caller in full. */
  readonly onDelivered: (delivered: () => void) => void;
  /** Sends a notification ahead of the answer; left out where the caller takes none. */
  readonly notify?: ((notification: Notification) => void) | undefined;
}

export interface Notification {
  readonly method: string;
  readonly params: JsonObject;
}

export interface McpOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly version: string;
  /** How brokers of one store tell each other of cancellations; left out where there is only this one. */
  readonly cancellations?: Cancellations | undefined;
  /** How long callers may be kept waiting for a person; WAITS where left out. */
  readonly waits?: Waits | undefined;
  /** In the place of `holdMs`, by agent. */
  readonly agentPatienceMs?: Readonly<Record<string, number>>;
}

export interface Waits {
  /** Milliseconds a 2026-era client waits in one round of a call; it comes back for the next by itself. */
  readonly roundMs: number;
  /** Milliseconds until a client that does not come back must have the backend's answer. */
  readonly holdMs: number;
}

export const WAITS: Waits = { roundMs: ROUND_MS, holdMs: LEGACY_PATIENCE_MS };

/** `_meta` key under which `sallyport/agents` says which run of an agent a call belongs to. */
export const SESSION_META_KEY = 'sallyport/session';

/** As policy files have it. */
const MAX_TOOL_NAME_CHARS = 64;

export function serverInfo(version: string): { name: string; title: string; version: string } {
  return { name: 'sallyport', title: 'Sallyport', version };
}

/** Shared, because each Server would otherwise build an Ajv of its own. */
const schemaValidator = new AjvJsonSchemaValidator();

/** A server for one connection or one request. `identify` is asked again for every request; it may throw ProtocolError. */
export function createMcpServer(
  options: McpOptions,
  identify: (context: ServerContext) => Caller | Promise<Caller>,
): Server {
  const { broker, logger } = options;
  const server = new Server(serverInfo(options.version), {
    capabilities: { tools: {} },
    jsonSchemaValidator: schemaValidator,
  });
  server.onerror = (error) => {
    logger.debug({ err: error }, 'an MCP exchange had an error');
  };

  /** The SDK tells callers the message of whatever is thrown: only what was meant for them may be. */
  async function told<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      logger.error({ err: error }, 'the broker failed in an MCP request');
      throw new ProtocolError(ProtocolErrorCode.InternalError, REFUSALS.internal.words);
    }
  }

  server.setRequestHandler('tools/list', (_request, context) =>
    told(async () => {
      const { principal } = await identify(context);
      return { tools: (await broker.list(principal)).map(advertised) };
    }),
  );

  server.setRequestHandler('tools/call', (request, context) =>
    told(async () => {
      const caller = await identify(context);
      const patience = patienceOf(context, options, caller.principal);
      const reply = await takeCall(options, caller, request.params as CallParams, patience);
      caller.onDelivered(() => {
        reply.delivered();
      });
      return toResult(reply);
    }),
  );

  return server;
}

/** Of a tools/call: as it was sent, its shape checked. */
export interface CallParams {
  readonly name: string;
  readonly arguments?: JsonObject | undefined;
  readonly _meta?: JsonObject | undefined;
}

/** Rejects with ProtocolError alone, for a session label out of bounds. */
export async function takeCall(
  { broker, logger }: McpOptions,
  caller: Caller,
  { name, arguments: args = {}, _meta: meta }: CallParams,
  patience: Patience,
): Promise<Reply> {
  const { principal, inbound, signal, identifyMs } = caller;
  const sessionLabel = sessionLabelOf(meta) ?? caller.sessionLabel;
  const tool = nameWithinBounds(name);
  try {
    const onProgress = progressTeller(caller, meta?.['progressToken']);
    const made = { sessionLabel, tool, arguments: args, patience, onProgress };
    return await broker.invoke({ principal, inbound, signal, identifyMs, ...made });
  } catch (error) {
    // A refusal, because the model is shown no JSON-RPC error.
    logger.error({ err: error, tool }, 'the broker failed in a call');
    return { kind: 'refusal', invocation: '', refusal: refuse('internal'), delivered: () => undefined };
  }
}

function progressTeller({ notify }: Caller, token: Json | undefined): Call['onProgress'] {
  if (notify === undefined || (typeof token !== 'string' && typeof token !== 'number')) return undefined;
  return ({ progress, total, message }) => {
    const [block] = (message?.content ?? []) as readonly JsonObject[];
    notify({
      method: 'notifications/progress',
      params: {
        progressToken: token,
        progress,
        ...(total === undefined ? {} : { total }),
        ...(block?.['text'] === undefined ? {} : { message: block['text'] }),
      },
    });
  };
}

/** What no tool can be called is cut, and still is no tool's name: names stand in entries, which nobody can erase. */
function nameWithinBounds(name: string): string {
  return name.length <= MAX_TOOL_NAME_CHARS ? name : `${name.slice(0, MAX_TOOL_NAME_CHARS).toWellFormed()}…`;
}

function sessionLabelOf(meta: JsonObject | undefined): string | undefined {
  const label = meta?.[SESSION_META_KEY];
  if (label === undefined) return undefined;
  if (typeof label !== 'string' || label.length === 0 || label.length > MAX_SESSION_LABEL_CHARS) {
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `_meta["${SESSION_META_KEY}"] must be a string of 1 to ${String(MAX_SESSION_LABEL_CHARS)} characters.`,
    );
  }
  return label;
}

type Waiting = Pick<McpOptions, 'waits' | 'agentPatienceMs'>;

/** Of a client that does not come back: of one that is known to wait longer, longer. */
export function heldPatience({ waits = WAITS, agentPatienceMs = {} }: Waiting, { actor }: Principal): Patience {
  const known = Object.hasOwn(agentPatienceMs, actor) ? agentPatienceMs[actor] : undefined;
  return { ms: known ?? waits.holdMs, comesBack: false };
}

/** 2026-era clients come back by themselves when they are told that something is still to come; the others wait once. */
function patienceOf({ mcpReq }: ServerContext, options: Waiting, principal: Principal): Patience {
  if (mcpReq.envelope === undefined) return heldPatience(options, principal);
  const state: unknown = mcpReq.requestState();
  const { roundMs } = options.waits ?? WAITS;
  return { ms: roundMs, comesBack: true, ...(typeof state === 'string' ? { state } : {}) };
}

function toResult(reply: Reply): CallToolResult | InputRequiredResult {
  if (reply.kind === 'result') return resultOf(reply.result);
  if (reply.kind === 'wait') return inputRequired({ requestState: reply.state });
  if (reply.refusal.code === 'unknown_tool') {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, reply.refusal.words);
  }
  return errorResult(reply.refusal.words);
}

/** The model sees `content` alone: whatever it should act on is there. */
function resultOf(masked: Masked): CallToolResult {
  const content = masked.content as unknown as ContentBlock[];
  // The output schema is about results, and clients hold errors to it all the same: an error's text must do.
  if (masked.isError) return { content, isError: true };
  return { content, ...(masked.structured === undefined ? {} : { structuredContent: masked.structured }) };
}

function errorResult(words: string): CallToolResult {
  return { content: [{ type: 'text', text: words }], isError: true };
}

function advertised(tool: Tool): AdvertisedTool {
  return {
    name: tool.name,
    ...(tool.title === undefined ? {} : { title: tool.title }),
    ...(tool.description === undefined ? {} : { description: tool.description }),
    inputSchema: { ...tool.inputSchema, type: 'object' },
    ...(tool.outputSchema === undefined ? {} : { outputSchema: { ...tool.outputSchema, type: 'object' } }),
    annotations: {
      readOnlyHint: tool.annotations.readOnly,
      destructiveHint: tool.annotations.destructive,
      idempotentHint: tool.annotations.idempotent,
      // A tool reaches the backend that was declared for it, and nothing else.
      openWorldHint: false,
    },
  };
}
