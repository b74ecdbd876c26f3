// A large public OpenAPI description, imported by the whole broker: what Agents SDK makes of it, and what `check` says of it.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Agent, getAllMcpTools, Runner } from '@openai/agents';
import { assistantMessage, functionCall, modelResponder, ScriptedModel } from '@openai/agents/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sallyport } from '../../src/agents.ts';
import { toolAnswers } from '../../src/demo/model-items.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { json, serveHttp, type HttpServer } from '../support/http-backend.ts';

const root = resolve(import.meta.dirname, '../..');
/** The API of GitBook, 377 operations, from their own package. */
const DESCRIPTION = join(root, 'node_modules/@gitbook/api/spec/openapi.json');

let directory: string;
let api: HttpServer;
let broker: TestBroker;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-openapi-'));
  api = await serveHttp(({ url, headers }, response) => {
    if (headers.authorization !== 'Bearer gitbook-token') json(response, { error: 'no' }, 401);
    else json(response, { id: url.split('/').at(-1), displayName: 'Ada', email: 'ada@example.com' });
  });
  await mkdir(join(directory, 'openapi'));
  await copyFile(DESCRIPTION, join(directory, 'openapi/gitbook.json'));
  await writeFile(join(directory, 'gitbook.yaml'), policies(api.origin, await tags()));
  await writeFile(join(directory, 'token'), 'gitbook-token');
  broker = await startTestBroker({ policies: directory });
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** All there is: every operation has a tag. */
async function tags(): Promise<string[]> {
  const { paths } = JSON.parse(await readFile(DESCRIPTION, 'utf8')) as {
    paths: Record<string, Record<string, { tags?: string[] }>>;
  };
  return [
    ...new Set(
      Object.values(paths).flatMap((path) => Object.values(path).flatMap((operation) => operation.tags ?? [])),
    ),
  ];
}

const policies = (origin: string, chosen: readonly string[]): string => `version: 1
backends:
  gitbook:
    kind: http
    url: ${origin}/v1
    privateAddresses: [127.0.0.1]
    openapi: openapi/gitbook.json
    credential: { kind: static, token: '\${file:token}' }
    mask:
      - { path: $.email, with: redact }
tools:
  gitbook:
    backend: gitbook
    tags: ${JSON.stringify(chosen)}
rules:
  - { id: all, effect: allow, principals: { groups: [support] }, tools: [gitbook] }
`;

function server(): ReturnType<typeof sallyport> {
  const { clientId, clientSecret } = broker.provider.registerAgent({ clientId: 'writer', groups: ['support'] });
  return sallyport({ url: broker.url, issuer: broker.provider.issuer, clientId, clientSecret });
}

test('an agent of Agents SDK gets a tool of each operation', async () => {
  const mcp = server();
  await mcp.connect();
  try {
    const tools = await getAllMcpTools([mcp]);
    expect(tools.length).toBeGreaterThan(300);
    expect(new Set(tools.map(({ name }) => name)).size).toBe(tools.length);
    const user = tools.find(({ name }) => name === 'getUserById');
    expect(user).toMatchObject({
      type: 'function',
      description: expect.any(String) as string,
      parameters: { type: 'object', properties: { userId: { type: 'string' } }, required: ['userId'] },
    });
  } finally {
    await mcp.close();
  }
});

test('and calls one: the request goes to the backend with its credential, the answer comes back masked', async () => {
  let answers: string[] = [];
  const model = new ScriptedModel([
    [functionCall('getUserById', { userId: 'u 7' }, { callId: 'call-0' })],
    modelResponder(({ request }) => {
      answers = toolAnswers(request).map(({ text }) => text);
      return [assistantMessage('done')];
    }),
  ]);
  const mcp = server();
  await mcp.connect();
  try {
    await new Runner({ tracingDisabled: true }).run(new Agent({ name: 'writer', model, mcpServers: [mcp] }), 'go');
  } finally {
    await mcp.close();
  }
  expect(api.received.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /v1/users/u%207']);
  expect(answers.join()).toContain('Ada');
  expect(answers.join()).not.toContain('ada@example.com');
});

test('`check` accepts the policies, and says of each operation that it leaves out why', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['src/main.ts', 'check', directory], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
  });
  expect(stdout + stderr).toMatch(
    /gitbook\.yaml:\d+:\d+: warning: \w+ cannot be imported: the schema #\/components\/schemas\/\w+ contains itself/,
  );
  expect(stdout + stderr).not.toContain('gitbook-token');
});
