import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuse } from '../../../src/core/errors.ts';
import type { Json } from '../../../src/core/json.ts';
import { plainCall } from '../../../src/mcp-plain-call.ts';
import { startHttpEdge, type HttpEdge } from '../../support/http-edge.ts';
import { legacyCall, MCP_HEADERS, modernCall, type RawOptions } from '../../support/raw-http.ts';
import { ScriptedBroker } from '../../support/scripted-broker.ts';

const broker = new ScriptedBroker({
  rows: { run: () => ({ structured: { rows: [{ b: 1, a: 'é \u2028', 2: null, 1: [] }], rowCount: 1 } }) },
  words: {
    run: () => ({
      content: [
        { type: 'text', text: 'one' },
        { type: 'text', text: '' },
      ],
    }),
  },
  failed: { run: () => ({ structured: { why: 'x' }, isError: true }) },
  empty: { run: () => ({}) },
  denied: { run: () => ({ refusal: refuse('denied') }) },
  broken: {
    run: () => {
      throw new Error('a fault');
    },
  },
  // What the SDK alone knows how to tell.
  annotated: { run: () => ({ content: [{ text: 'x', type: 'text', annotations: { priority: 1 }, unknown: 1 }] }) },
  swapped: { run: () => ({ content: [{ text: 'x', type: 'text' }] }) },
  picture: { run: () => ({ content: [{ type: 'image', data: 'aGk=', mimeType: 'image/png' }] }) },
  impossible: { run: () => ({ content: [{ type: 'image' }] }) },
});
const TOOLS = ['rows', 'words', 'failed', 'empty', 'denied', 'broken', 'annotated', 'swapped', 'picture', 'impossible'];

let edge: HttpEdge;
beforeAll(async () => {
  edge = await startHttpEdge(broker);
});
afterAll(() => edge[Symbol.asyncDispose]());

/** Every byte of the answer, but for the date. */
async function bytes({ headers = MCP_HEADERS, body = '' }: RawOptions): Promise<string> {
  const socket = connect(edge.port, '127.0.0.1').setEncoding('utf8');
  let received = '';
  socket.on('data', (text: string) => (received += text));
  const lines = Object.entries({
    host: 'localhost',
    connection: 'close',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  });
  socket.write(`POST /mcp HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  socket.write(body);
  await once(socket, 'close');
  return received.replace(/^Date: .*$/m, '');
}

/** A key that means nothing, and that keeps a call from being plain. */
const UNUSUAL = { 'example/nothing': true };

const session = { ...MCP_HEADERS, 'mcp-session-id': 's-1' };
const ERAS: [string, (tool: string, meta?: object) => RawOptions][] = [
  ['2025', (tool, meta) => ({ headers: MCP_HEADERS, body: legacyCall(1, tool, { a: 1 }, meta) })],
  ['2025, in a session', (tool, meta) => ({ headers: session, body: legacyCall('id "1"', tool, {}, meta) })],
  [
    '2025-03-26, with a label',
    (tool, meta) => ({
      headers: { ...session, 'mcp-protocol-version': '2025-03-26' },
      body: legacyCall(-7, tool, {}, { 'sallyport/session': 'run 1', ...meta }),
    }),
  ],
  ['2026-07-28', (tool, meta) => modernCall(1, tool, { a: { b: [1] } }, meta)],
  ['2026-07-28, with a label', (tool, meta) => modernCall('é', tool, {}, { 'sallyport/session': 'run 1', ...meta })],
];

const read = ({ headers = {}, body = '' }: RawOptions) => plainCall(JSON.parse(String(body)) as Json, headers);

describe.each(ERAS)('a plain call of %s', (_era, call) => {
  it.each([...TOOLS, 'no_such_tool'])('is answered byte for byte as the SDK answers it: %s', async (tool) => {
    expect(read(call(tool))).toBeDefined();
    expect(read(call(tool, UNUSUAL))).toBeUndefined();
    broker.calls.length = 0;
    const plain = await bytes(call(tool));
    const ofTheSdk = await bytes(call(tool, UNUSUAL));
    expect(plain).toBe(ofTheSdk);
    expect(plain).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    // Each was made once, and nothing that the broker sees tells the two apart.
    const [one, other, ...more] = broker.calls.map(({ signal: _, identifyMs: __, principal, ...rest }) => ({
      ...rest,
      principal: principal.key,
    }));
    expect(one).toEqual(other);
    expect(more).toEqual([]);
  });
});

describe('what is not plain is left to the SDK', () => {
  const legacy = (change: object): Json => ({ ...(JSON.parse(legacyCall(1, 'rows', {})) as object), ...change });
  it.each<[string, Json]>([
    ['a batch', [legacy({})]],
    ['another JSON-RPC', legacy({ jsonrpc: '1.0' })],
    ['another method', legacy({ method: 'tools/list' })],
    ['a key nobody knows', legacy({ extra: 1 })],
    ['no id', { jsonrpc: '2.0', method: 'tools/call', params: { name: 'rows' } }],
    ['an id that is null', legacy({ id: null })],
    ['an id with a fraction', legacy({ id: 1.5 })],
    ['no params', { jsonrpc: '2.0', id: 1, method: 'tools/call' }],
    ['params that are a list', legacy({ params: ['rows'] })],
    ['a name that is a number', legacy({ params: { name: 1 } })],
    ['a name no tool can have', legacy({ params: { name: 'a name' } })],
    ['arguments that are a list', legacy({ params: { name: 'rows', arguments: [] } })],
    ['arguments that are null', legacy({ params: { name: 'rows', arguments: null } })],
    ['the state of a wait', legacy({ params: { name: 'rows', requestState: 'x' } })],
    ['_meta that is a list', legacy({ params: { name: 'rows', _meta: [] } })],
    ['an empty session label', legacy({ params: { name: 'rows', _meta: { 'sallyport/session': '' } } })],
    ['a long session label', legacy({ params: { name: 'rows', _meta: { 'sallyport/session': 'x'.repeat(10_000) } } })],
    ['an envelope without its header', JSON.parse(String(modernCall(1, 'rows').body)) as Json],
  ])('%s', (_what, message) => {
    expect(plainCall(message, MCP_HEADERS)).toBeUndefined();
  });

  it.each<[string, Record<string, string>]>([
    ['no stream accepted', { accept: 'application/json' }],
    ['nothing accepted', { accept: '' }],
    ['a version nobody knows', { 'mcp-protocol-version': '2024-01-01' }],
    ['the newest version without its envelope', { 'mcp-protocol-version': '2026-07-28' }],
    ['headers of the newest version', { 'mcp-method': 'tools/call' }],
  ])('a 2025-era call with %s', (_what, headers) => {
    expect(plainCall(legacy({}), { ...MCP_HEADERS, ...headers })).toBeUndefined();
  });

  const modern = modernCall(1, 'rows');
  it.each<[string, Record<string, string>, object]>([
    ['another name in the header', { 'mcp-name': 'words' }, {}],
    ['another method in the header', { 'mcp-method': 'tools/list' }, {}],
    ['another version in the header', { 'mcp-protocol-version': '2025-11-25' }, {}],
    ['another version in the body', {}, { 'io.modelcontextprotocol/protocolVersion': '2025-11-25' }],
    ['capabilities', {}, { 'io.modelcontextprotocol/clientCapabilities': { sampling: {} } }],
    ['a client without a version', {}, { 'io.modelcontextprotocol/clientInfo': { name: 'x' } }],
    ['a client that says more', {}, { 'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1', title: 'X' } }],
    ['a log level', {}, { 'io.modelcontextprotocol/logLevel': 'debug' }],
  ])('a 2026-07-28 call with %s', (_what, headers, meta) => {
    const { body } = modernCall(1, 'rows', {}, meta);
    expect(read({ headers: { ...modern.headers, ...headers }, body: body ?? '' })).toBeUndefined();
    expect(read(modern)).toBeDefined();
  });
});
