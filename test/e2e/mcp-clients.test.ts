// The clients that are out there, against a whole broker over HTTP, and against the stdio edge.
import { join } from 'node:path';
import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport as Transport1 } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFixtureBroker, type FixtureBroker } from '../support/fixture-broker.ts';
import { BARE_ENVIRONMENT } from '../support/bare-environment.ts';

const policies = join(import.meta.dirname, '../conformance/policies');
const info = { name: 'test', version: '1.0.0' };
let broker: FixtureBroker;
let token: string;

beforeAll(async () => {
  broker = await startFixtureBroker(policies, []);
  broker.identityProvider.registerAgent({ clientId: 'suite', groups: ['conformance'] });
  token = await broker.identityProvider.accessToken({ agent: 'suite' });
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Session extends AsyncDisposable {
  readonly version: string | undefined;
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(call: { name: string; arguments?: Record<string, unknown> }): Promise<unknown>;
}

type Connect = (bearer: string) => Promise<Session>;

const withToken = (bearer: string) => ({ requestInit: { headers: { authorization: `Bearer ${bearer}` } } });
const stdioEdge = (name: string) => ({
  command: process.execPath,
  args: [join(import.meta.dirname, '../support/stdio-edge.ts')],
  env: { ...BARE_ENVIRONMENT, SALLYPORT_TOKEN: name },
});

async function session1(transport: object): Promise<Session> {
  const client = new Client1(info);
  // The two SDKs' transports are typed without exactOptionalPropertyTypes.
  await client.connect(transport as Transport1);
  return {
    version: undefined,
    listTools: () => client.listTools(),
    callTool: (call) => client.callTool(call),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function session2(transport: Http2 | Stdio2, mode: 'auto' | 'legacy'): Promise<Session> {
  const client = new Client2(info, { versionNegotiation: { mode } });
  await client.connect(transport);
  return {
    version: client.getNegotiatedProtocolVersion(),
    listTools: () => client.listTools(),
    callTool: (call) => client.callTool(call),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const overHttp: [name: string, era: string | undefined, connect: Connect][] = [
  ['@modelcontextprotocol/sdk 1', undefined, (bearer) => session1(new Http1(broker.url, withToken(bearer)))],
  [
    '@modelcontextprotocol/client 2',
    '2026-07-28',
    (bearer) => session2(new Http2(broker.url, withToken(bearer)), 'auto'),
  ],
  [
    '@modelcontextprotocol/client 2, in the 2025 era',
    '2025-11-25',
    (bearer) => session2(new Http2(broker.url, withToken(bearer)), 'legacy'),
  ],
];

describe.each(overHttp)('%s over HTTP', (_name, era, connect) => {
  it('lists the tools its principal may call, and calls one', async () => {
    await using session = await connect(token);
    expect(session.version).toBe(era);
    const { tools } = await session.listTools();
    expect(tools.map((tool) => tool.name)).toContain('test_simple_text');
    expect(await session.callTool({ name: 'test_simple_text' })).toMatchObject({
      content: [{ type: 'text', text: 'This is a simple text response for testing.' }],
    });
  });

  it('is told in words what went wrong', async () => {
    await using session = await connect(token);
    expect(await session.callTool({ name: 'test_error_handling' })).toMatchObject({ isError: true });
    expect(await session.callTool({ name: 'test_simple_text', arguments: { extra: 1 } })).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: expect.stringContaining('extra') as string }],
    });
    await expect(session.callTool({ name: 'no_such_tool' })).rejects.toMatchObject({ code: -32602 });
  });

  it('sees nothing of tools that no rule allows it, and cannot tell that they exist', async () => {
    const other = await broker.identityProvider.accessToken({ agent: 'support-agent' });
    await using session = await connect(other);
    expect((await session.listTools()).tools).toEqual([]);
    await expect(session.callTool({ name: 'test_simple_text' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('There is no such tool.') as string,
    });
  });

  it('cannot connect without a valid token', async () => {
    await expect(connect('not-a-token')).rejects.toThrow();
  });
});

const overStdio: typeof overHttp = [
  ['@modelcontextprotocol/sdk 1', undefined, (name) => session1(new Stdio1(stdioEdge(name)))],
  ['@modelcontextprotocol/client 2', '2026-07-28', (name) => session2(new Stdio2(stdioEdge(name)), 'auto')],
  [
    '@modelcontextprotocol/client 2, in the 2025 era',
    '2025-11-25',
    (name) => session2(new Stdio2(stdioEdge(name)), 'legacy'),
  ],
];

describe.each(overStdio)('%s over stdio', (_name, era, connect) => {
  it('lists tools and calls one, as the principal of its token', async () => {
    await using session = await connect('ann');
    expect(session.version).toBe(era);
    expect((await session.listTools()).tools.map((tool) => tool.name)).toContain('echo');
    expect(await session.callTool({ name: 'echo', arguments: { a: 1 } })).toMatchObject({
      structuredContent: { args: { a: 1 }, subject: 'ann' },
    });
  });

  it('is refused call by call when its token does not hold', async () => {
    await using session = await connect('expired');
    await expect(session.callTool({ name: 'echo' })).rejects.toMatchObject({ code: -32001 });
  });
});
