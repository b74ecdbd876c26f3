// `sallyport pin` as a user runs it, and a broker over an upstream process whose tools change.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBroker } from '../../src/cli/compose.ts';
import { listen } from '../../src/cli/listen.ts';
import { loadConfig } from '../../src/config.ts';
import { startIdentityProvider } from '../../src/demo/identity-provider.ts';
import { silent } from '../support/http-edge.ts';
import { serverCommand } from '../support/upstream.ts';
import { freePort } from '../../src/demo/free-port.ts';

const ROOT = join(import.meta.dirname, '../..');
const WORDS = 'Says back what it is told.';
const directory = mkdtempSync(join(tmpdir(), 'sallyport-pin-'));
const wordsFile = join(directory, 'words');
const pinsFile = join(directory, 'policies/upstream.pins.json');

beforeAll(() => {
  writeFileSync(wordsFile, WORDS);
  mkdirSync(join(directory, 'policies'));
  writeFileSync(
    join(directory, 'policies/upstream.yaml'),
    `version: 1
backends:
  upstream:
    kind: mcp
    command: ${JSON.stringify(serverCommand('upstream-v2.ts'))}
    env: { WORDS_FILE: '\${env:WORDS_FILE}' }
    credential: { kind: none }
    pins: upstream.pins.json
    mask: [{ detect: [email], with: mask }]
tools:
  say: { backend: upstream, upstream: echo, readOnly: true }
  upstream:
    backend: upstream
    upstream: { reword: reword, steps: progress }
rules:
  - { id: all, effect: allow, tools: [say, upstream] }
`,
  );
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function sallyport(...args: string[]) {
  const run = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), ...args], {
    cwd: directory,
    env: { PATH: process.env['PATH'], NO_COLOR: '1', WORDS_FILE: wordsFile },
    encoding: 'utf8',
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

test('what is not pinned is an error that says what to do', () => {
  const { code, out } = sallyport('check');
  expect(code).toBe(2);
  expect(out).toContain(
    'policies/upstream.yaml:8:11: error: the tools of "upstream" are not pinned: there is no such file',
  );
  expect(out).toContain('run `sallyport pin upstream`');
});

test('pin shows what it would pin, and pins it with --yes alone where nobody can be asked', () => {
  const shown = sallyport('pin', 'upstream');
  expect(shown.code).toBe(1);
  expect(shown.out).toMatch(/^echo added$/m);
  expect(shown.out).toContain(`+   ${WORDS}`);
  expect(shown.out).toContain('not pinned: policies/upstream.pins.json is as it was');
  expect(sallyport('pin', 'upstream', '--yes')).toMatchObject({ code: 0 });
  expect(readFileSync(pinsFile, 'utf8')).toContain(WORDS);
  expect(sallyport('check')).toMatchObject({ code: 0 });
  expect(sallyport('check', '--connect')).toMatchObject({ code: 0 });
  expect(sallyport('pin', 'upstream')).toMatchObject({
    code: 0,
    out: expect.stringContaining('nothing differs') as string,
  });
});

test('a backend that is not there, or not of this kind, is a mistake of the command', () => {
  expect(sallyport('pin', 'upstreem')).toMatchObject({ code: 2, err: expect.stringContaining('"upstream"') as string });
});

test('pins that were changed by hand are refused', () => {
  const pinned = readFileSync(pinsFile, 'utf8');
  writeFileSync(pinsFile, pinned.replace(WORDS, 'Obey me.'));
  expect(sallyport('check').out).toContain('"echo" was changed by hand');
  writeFileSync(pinsFile, pinned);
});

test('one changed word hides a tool from agents until it is pinned again, and stands in the log', async () => {
  await using provider = await startIdentityProvider();
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${String(port)}`;
  provider.registerBroker(publicUrl);
  const data = join(directory, 'data');
  const policies = join(directory, 'policies');
  const issuers = [{ issuer: provider.issuer, groups: 'groups' }];
  const config = loadConfig({ env: {}, overrides: { listen: `127.0.0.1:${String(port)}`, issuers, policies, data } });
  await using open = await openBroker(config, silent, { WORDS_FILE: wordsFile });
  const listening = await listen(config, open, silent);
  await using _ = { [Symbol.asyncDispose]: () => listening.close() };
  provider.registerAgent({ clientId: 'suite', groups: ['all'] });
  const headers = { authorization: `Bearer ${await provider.accessToken({ agent: 'suite' })}` };
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(listening.url), { requestInit: { headers } }));
  const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
  const say = () => client.callTool({ name: 'say', arguments: { value: 'x' } });
  const entries = () =>
    sallyport('log', 'list', '--json', '--type', 'upstream.changed', '--data', data)
      .out.trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as object);

  expect(await names()).toEqual(['reword', 'say', 'steps']);
  expect(await say()).toMatchObject({ structuredContent: { value: 'x' } });

  // Progress passes the masks on its way, in both eras.
  const legacy = new Client({ name: 'test', version: '1' });
  await legacy.connect(new StreamableHTTPClientTransport(new URL(listening.url), { requestInit: { headers } }));
  for (const one of [client, legacy]) {
    const updates: unknown[] = [];
    await one.callTool({ name: 'steps' }, { onprogress: (update) => void updates.push(update) });
    expect(updates).toEqual(
      [1, 2, 3].map((step) => ({ progress: step, total: 3, message: `step ${String(step)} of [email]` })),
    );
  }
  await legacy.close();

  await client.callTool({ name: 'reword', arguments: { words: 'Says back what it is told!' } });
  await expect.poll(names).toEqual(['reword', 'steps']);
  const refused = await say();
  expect(refused.isError).toBe(true);
  expect(JSON.stringify(refused.content)).toContain('not what was reviewed any more');
  expect(entries()).toMatchObject([{ backend: 'upstream', tools: [{ name: 'echo', change: 'changed' }] }]);

  const { out } = sallyport('pin', 'upstream', '--yes');
  expect(out).toContain(`-   ${WORDS}`);
  expect(out).toContain('+   Says back what it is told!');
  await expect.poll(names, { timeout: 15_000 }).toEqual(['reword', 'say', 'steps']);
  expect(await say()).toMatchObject({ structuredContent: { value: 'x' } });
  await client.close();
});
