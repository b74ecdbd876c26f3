// `sallyport stdio` as an agent starts it: the real command, a real provider of tokens, and a database that is down.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startIdentityProvider, type IdentityProvider } from '../../src/demo/identity-provider.ts';
import { BARE_ENVIRONMENT } from '../support/bare-environment.ts';

const BROKER = 'http://127.0.0.1:8931';
const POLICY = `
version: 1
backends:
  shop:
    kind: postgres
    url: postgres://127.0.0.1:1/shop
    credential: { kind: postgres-role, admin: 'postgres://admin:canary-7c1@127.0.0.1:1/shop', memberOf: [support] }
tools:
  find_customer:
    backend: shop
    sql: select name from customers where email = :email
    readOnly: true
    input: { email: { type: string } }
rules:
  - { id: support-may-look-up, effect: allow, principals: { groups: [support] }, tools: [find_customer] }
`;

const running = new AsyncDisposableStack();
let identityProvider: IdentityProvider;
let directory: string;

beforeAll(async () => {
  identityProvider = running.use(await startIdentityProvider({ brokers: [BROKER] }));
  identityProvider.registerAgent({ clientId: 'helper', groups: ['support'] });
  directory = await mkdtemp(join(tmpdir(), 'sallyport-stdio-'));
  running.defer(() => rm(directory, { recursive: true, force: true }));
  await writeFile(
    join(directory, 'sallyport.yaml'),
    `policies: policies\nissuers: [{ issuer: '${identityProvider.issuer}' }]\n`,
  );
  await mkdir(join(directory, 'policies'));
  await writeFile(join(directory, 'policies', 'shop.yaml'), POLICY);
});
afterAll(() => running.disposeAsync());

interface Agent extends AsyncDisposable {
  readonly client: Client;
  readonly said: () => string;
}

async function start(env: Record<string, string>): Promise<Agent> {
  const main = join(import.meta.dirname, '../../src/main.ts');
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ['--conditions=sallyport-source', main, 'stdio', '--config', join(directory, 'sallyport.yaml')],
    env: { ...BARE_ENVIRONMENT, ...env },
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr?.on('data', (chunk) => (said += String(chunk)));
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  // Anything on stdout that is not the protocol ends up here.
  client.onerror = (error) => (said += `protocol: ${error.message}\n`);
  try {
    await client.connect(transport);
  } catch (error) {
    throw new Error(`${String(error)}\n${said}`, { cause: error });
  }
  return { client, said: () => said, [Symbol.asyncDispose]: () => client.close() };
}

it('serves two processes of one agent at once, each with a token had from its issuer', async () => {
  const clientSecret = identityProvider.agents.get('helper')?.clientSecret ?? '';
  const env = { SALLYPORT_CLIENT_ID: 'helper', SALLYPORT_CLIENT_SECRET: clientSecret };
  await using stack = new AsyncDisposableStack();
  const agents = (await Promise.all([start(env), start(env)])).map((agent) => stack.use(agent));
  for (const { client, said } of agents) {
    expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(['find_customer']);
    const answer = await client.callTool({ name: 'find_customer', arguments: { email: 'a@example.com' } });
    expect(answer).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('was not made') as string }],
    });
    expect(JSON.stringify(answer) + said()).not.toMatch(/canary|protocol:/);
    expect(JSON.stringify(answer)).not.toContain('127.0.0.1');
  }
});

it('reads the token file for every call, and verifies what it finds like any other token', async () => {
  const file = join(directory, 'token');
  await writeFile(file, await identityProvider.accessToken({ agent: 'helper' }));
  await using agent = await start({ SALLYPORT_TOKEN_FILE: file });
  expect((await agent.client.listTools()).tools).toHaveLength(1);

  await writeFile(
    file,
    await identityProvider.accessToken({ agent: 'support-agent', subject: 'stranger@example.com', groups: ['sales'] }),
  );
  expect((await agent.client.listTools()).tools).toHaveLength(0);

  await writeFile(file, 'not-a-token');
  await expect(agent.client.listTools()).rejects.toMatchObject({ code: -32001 });
  await rm(file);
  await expect(agent.client.listTools()).rejects.toMatchObject({ code: -32001 });
  expect(agent.said()).toContain('SALLYPORT_TOKEN_FILE');
  expect(agent.said()).not.toContain('protocol:');
});

it('says what to set when it is given no token, and ends', async () => {
  await expect(start({})).rejects.toThrow(/Set SALLYPORT_TOKEN/);
});
