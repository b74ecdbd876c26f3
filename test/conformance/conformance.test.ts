// The MCP conformance suite against a whole broker, through a proxy that adds a token, since the suite knows none.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFixtureBroker } from '../support/fixture-broker.ts';
import { startTokenProxy, type TokenProxy } from '../support/token-proxy.ts';
import { freePort } from '../../src/demo/free-port.ts';

const here = import.meta.dirname;
const running = new AsyncDisposableStack();
let proxy: TokenProxy;
let results: string;

beforeAll(async () => {
  const port = await freePort();
  const broker = running.use(await startFixtureBroker(join(here, 'policies'), [`127.0.0.1:${String(port)}`]));
  broker.identityProvider.registerAgent({ clientId: 'suite', groups: ['conformance'] });
  const token = await broker.identityProvider.accessToken({ agent: 'suite' });
  proxy = running.use(await startTokenProxy(port, broker.url, () => token));
  results = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'));
  running.defer(() => rm(results, { recursive: true, force: true }));
});
afterAll(() => running.disposeAsync());

interface Run {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs exactly the server scenarios that a revision of the specification requires. */
function conformance(revision: string, ...more: readonly string[]): Promise<Run> {
  const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json');
  const program = join(dirname(manifest), 'dist', 'index.js');
  const options = ['--url', proxy.url.href, '--requirements', revision, '--output-dir', results, ...more];
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'server', ...options], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

const expectedFailures = ['--expected-failures', join(here, 'expected-failures.yaml')];

it.each(['2025-11-25', '2026-07-28'])(
  'passes what %s requires, as far as it applies',
  { timeout: 120_000 },
  async (revision) => {
    const { exitCode, output } = await conformance(revision, ...expectedFailures);
    expect(exitCode, output.slice(output.indexOf('=== SUMMARY ==='))).toBe(0);
    for (const scenario of ['tools-list', 'tools-call-simple-text', 'tools-call-error', 'dns-rebinding-protection']) {
      expect(output).toContain(`✓ ${scenario}: `);
    }
  },
);
