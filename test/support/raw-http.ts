// HTTP as no client library would send it: any Host, any bytes, connections that close when the test says so.
import { request, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON, or the data of its last event. */
  readonly json: unknown;
}

export interface RawOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export const MCP_HEADERS = {
  authorization: 'Bearer token-of-ann',
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

/** Sends headers, and nothing of a body; the caller writes and ends. */
export function open(url: URL, options: RawOptions = {}): ClientRequest {
  const { method = 'POST', path = url.pathname, headers = MCP_HEADERS } = options;
  return request({ host: url.hostname, port: url.port, method, path, headers, agent: false });
}

export function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
  });
}

export async function send(url: URL, options: RawOptions = {}): Promise<RawAnswer> {
  const sent = open(url, options);
  const answer = answerTo(sent);
  sent.end(options.body);
  return whole(await answer);
}

export async function whole(answer: IncomingMessage): Promise<RawAnswer> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const chunk of answer as AsyncIterable<string>) text += chunk;
  const data = [...text.matchAll(/^data: (.*)$/gm)].at(-1)?.[1] ?? text;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    json = undefined;
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, text, json };
}

/** A tools/call of the 2025 era. */
export function legacyCall(id: number | string, name: string, args: object = {}, meta?: object): string {
  const params = { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) };
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params });
}

/** A tools/call of 2026-07-28, with the headers it needs. */
export function modernCall(id: number | string, name: string, args: object = {}, meta: object = {}): RawOptions {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
    ...meta,
  };
  const headers = {
    ...MCP_HEADERS,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
  };
  const params = { name, arguments: args, _meta };
  return { headers, body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }) };
}
