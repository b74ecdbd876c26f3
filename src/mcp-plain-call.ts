// A tools/call as nearly every client sends it, read and answered without the SDK, whose part of a call costs more than all
// the doors together. Whatever is unusual in it is left to the SDK, so that its checks and its words hold for everything;
// test/unit/edge/mcp-plain-call.test.ts holds that both give the same bytes. Pure.
import type { IncomingHttpHeaders } from 'node:http';
import { ProtocolErrorCode, SERVER_INFO_META_KEY, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import type { Reply } from './core/broker.ts';
import { isJsonObject, type Json, type JsonObject } from './core/json.ts';
import { MAX_SESSION_LABEL_CHARS } from './core/limits.ts';
import { SESSION_META_KEY, type CallParams } from './mcp.ts';

export interface PlainCall {
  readonly id: string | number;
  readonly params: CallParams;
  /** Whether it is of 2026-07-28. */
  readonly modern: boolean;
}

const MODERN_VERSION = '2026-07-28';
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_KEY = 'io.modelcontextprotocol/clientInfo';
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';

const MESSAGE_KEYS = new Set(['jsonrpc', 'id', 'method', 'params']);
const PARAMS_KEYS = new Set(['name', 'arguments', '_meta']);
const LEGACY_META_KEYS = new Set([SESSION_META_KEY]);
const MODERN_META_KEYS = new Set([SESSION_META_KEY, VERSION_KEY, CLIENT_KEY, CAPABILITIES_KEY]);
const CLIENT_KEYS = new Set(['name', 'version']);
const NO_KEYS: ReadonlySet<string> = new Set();
/** Names that mean the same in a header and in a body. */
const PLAIN_NAME = /^[A-Za-z0-9_]{1,64}$/;

/** Undefined where the SDK must look at it. */
export function plainCall(message: Json, headers: IncomingHttpHeaders): PlainCall | undefined {
  if (!isJsonObject(message) || !hasOnly(message, MESSAGE_KEYS)) return undefined;
  const { jsonrpc, id, method, params } = message;
  if (jsonrpc !== '2.0' || method !== 'tools/call' || !isJsonObject(params) || !hasOnly(params, PARAMS_KEYS)) return;
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) return undefined;
  const { name, arguments: args, _meta: meta } = params;
  if (typeof name !== 'string' || !PLAIN_NAME.test(name)) return undefined;
  if (args !== undefined && !isJsonObject(args)) return undefined;
  if (meta !== undefined && !isJsonObject(meta)) return undefined;
  if (!isPlainLabel(meta?.[SESSION_META_KEY])) return undefined;
  const modern = headers['mcp-protocol-version'] === MODERN_VERSION;
  const plain = modern ? isPlainModern(name, meta, headers) : isPlainLegacy(meta, headers);
  return plain ? { id: id as string | number, params: { name, arguments: args, _meta: meta }, modern } : undefined;
}

function isPlainLegacy(meta: JsonObject | undefined, headers: IncomingHttpHeaders): boolean {
  const { accept = '', 'mcp-protocol-version': version } = headers;
  return (
    accept.includes('application/json') &&
    accept.includes('text/event-stream') &&
    (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) &&
    headers['mcp-method'] === undefined &&
    headers['mcp-name'] === undefined &&
    (meta === undefined || hasOnly(meta, LEGACY_META_KEYS))
  );
}

function isPlainModern(name: string, meta: JsonObject | undefined, headers: IncomingHttpHeaders): boolean {
  return (
    headers.accept?.includes('application/json') === true &&
    headers['mcp-method'] === 'tools/call' &&
    headers['mcp-name'] === name &&
    meta !== undefined &&
    hasOnly(meta, MODERN_META_KEYS) &&
    meta[VERSION_KEY] === MODERN_VERSION &&
    isPlainObject(meta[CAPABILITIES_KEY], NO_KEYS) &&
    isPlainClient(meta[CLIENT_KEY])
  );
}

function isPlainClient(client: Json | undefined): boolean {
  if (!isPlainObject(client, CLIENT_KEYS)) return false;
  return typeof client['name'] === 'string' && typeof client['version'] === 'string';
}

function isPlainLabel(label: Json | undefined): boolean {
  if (label === undefined) return true;
  return typeof label === 'string' && label.length > 0 && label.length <= MAX_SESSION_LABEL_CHARS;
}

function isPlainObject(value: Json | undefined, keys: ReadonlySet<string>): value is JsonObject {
  return isJsonObject(value) && hasOnly(value, keys);
}

function hasOnly(object: JsonObject, keys: ReadonlySet<string>): boolean {
  for (const key in object) if (!keys.has(key)) return false;
  return true;
}

/** The answer's JSON, to the byte what the SDK makes of this reply; undefined where the SDK must make it. */
export function plainAnswer({ id, modern }: PlainCall, reply: Reply, serverInfo: JsonObject): string | undefined {
  if (reply.kind === 'wait') return undefined;
  if (reply.kind === 'refusal' && reply.refusal.code === 'unknown_tool') {
    const error = { code: ProtocolErrorCode.InvalidParams, message: reply.refusal.words };
    return JSON.stringify({ jsonrpc: '2.0', id, error });
  }
  const content: readonly Json[] =
    reply.kind === 'result' ? reply.result.content : [{ type: 'text', text: reply.refusal.words }];
  if (!content.every(isText)) return undefined;
  const isError = reply.kind === 'refusal' || reply.result.isError;
  const structured = reply.kind === 'result' && !isError ? reply.result.structured : undefined;
  const result = {
    content: content.map(({ text }) => ({ type: 'text', text })),
    ...(structured === undefined ? {} : { structuredContent: structured }),
    ...(isError ? { isError } : {}),
    ...(modern ? { resultType: 'complete', _meta: { [SERVER_INFO_META_KEY]: serverInfo } } : {}),
  };
  return JSON.stringify({ result, jsonrpc: '2.0', id });
}

const TEXT_KEYS = new Set(['type', 'text']);

function isText(block: Json): block is { readonly type: 'text'; readonly text: string } {
  return isPlainObject(block, TEXT_KEYS) && block['type'] === 'text' && typeof block['text'] === 'string';
}
