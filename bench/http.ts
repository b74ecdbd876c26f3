// What the tool kind `http` costs: a warm call beside the same request made directly, and the import of a large OpenAPI
// description. `node bench/http.ts [--calls N] [--json]`
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { loadPolicies } from '../src/policy/load-policies.ts';
import { httpKind } from '../tools/http/http-kind.ts';
import { noCredential } from '../src/credential/no-credential.ts';
import { maskCompiler } from '../src/masking/mask-compiler.ts';
import { httpLease, httpTool } from '../test/support/http-backend.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '4000' },
    json: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
  },
});

/** About 2 KB, as APIs answer. */
const ORDERS = Array.from({ length: 20 }, (_, id) => ({
  id,
  state: 'paid',
  owner: { email: `a${String(id)}@b.example` },
}));

if (options.serve) {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items: ORDERS }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  process.stdout.write(`${String((server.address() as AddressInfo).port)}\n`);
} else {
  const figures = { ...(await measureCalls(Number(options.calls))), ...(await measureImport()) };
  const rows = Object.entries(figures).map(([name, value]) => `${name.padEnd(28)}${value.toFixed(3).padStart(12)}`);
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : `${rows.join('\n')}\n`);
}

/** Both ways in turn, so that whatever else the machine does meets both. Milliseconds. */
async function measureCalls(count: number): Promise<Record<string, number>> {
  const child = spawn(process.execPath, [import.meta.filename, '--serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
    const origin = `http://127.0.0.1:${port}`;
    const tool = httpTool(
      origin,
      '{ method: GET, path: "/orders/{id}", query: { state: "{state}" }, input: { id: { type: string }, state: { type: string } } }',
    );
    await using lease = httpLease();
    const pool = new Pool(origin, { connections: 4, allowH2: false });
    const guarded: number[] = [];
    const direct: number[] = [];
    for (let call = 0; call < count; call++) {
      const start = performance.now();
      await lease.call(tool, { id: 'a', state: 'paid' });
      const between = performance.now();
      const answer = await pool.request({ method: 'GET', path: '/base/orders/a?state=paid' });
      await answer.body.json();
      guarded.push(between - start);
      direct.push(performance.now() - between);
    }
    await pool.destroy();
    const [kindP50, directP50] = [percentile(guarded, 50), percentile(direct, 50)];
    return {
      'call p50 ms': kindP50,
      'direct p50 ms': directP50,
      'overhead p50 ms': kindP50 - directP50,
      'call p99 ms': percentile(guarded, 99),
      'direct p99 ms': percentile(direct, 99),
    };
  } finally {
    child.kill();
  }
}

/** A whole load of policies that import every operation of GitBook's API: read, converted, checked, masks compiled. */
async function measureImport(): Promise<Record<string, number>> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  try {
    const description = resolve(import.meta.dirname, '../node_modules/@gitbook/api/spec/openapi.json');
    const { paths } = JSON.parse(readFileSync(description, 'utf8')) as {
      paths: Record<string, Record<string, { tags?: string[] }>>;
    };
    const tags = new Set(Object.values(paths).flatMap((path) => Object.values(path).flatMap((one) => one.tags ?? [])));
    mkdirSync(join(directory, 'openapi'));
    copyFileSync(description, join(directory, 'openapi/api.json'));
    const policies = {
      version: 1,
      backends: {
        api: {
          kind: 'http',
          url: 'https://api.gitbook.com/v1',
          openapi: 'openapi/api.json',
          credential: { kind: 'none' },
        },
      },
      tools: { all: { backend: 'api', tags: [...tags] } },
      rules: [{ id: 'all', effect: 'allow', tools: ['all'] }],
    };
    writeFileSync(join(directory, 'api.yaml'), JSON.stringify(policies));
    const start = performance.now();
    const loaded = await loadPolicies(directory, {
      kinds: [httpKind],
      providers: [noCredential],
      masks: maskCompiler({ hashKey: new Uint8Array(32) }),
      env: {},
    });
    const ms = performance.now() - start;
    return { 'imported operations': loaded.policies?.tools.size ?? 0, 'import ms': ms };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function percentile(values: number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length * at) / 100)] ?? Number.NaN;
}
