// The broker under measurement: `serve` as its own process, in front of a real Postgres, with a real OpenID provider,
// every door on, warm leases and a durable log.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startIdentityProvider } from '../src/demo/identity-provider.ts';
import type { Shop } from '../src/demo/shop-postgres.ts';
import { untilAnswering } from './until-answering.ts';
import { freePort } from '../src/demo/free-port.ts';

/** One principal may have 32 calls in flight, so that more connections need more principals. */
const CALLERS = 4;

const root = resolve(import.meta.dirname, '..');

export interface Guarded extends AsyncDisposable {
  readonly url: URL;
  readonly pid: number;
  /** From the start of the process until /readyz says that it can serve. */
  readonly readyMs: number;
  /** Authorization headers, one per principal. */
  readonly callers: readonly Readonly<Record<string, string>>[];
  /** Milliseconds each door took, of the newest `count` calls. */
  doors(count: number): Promise<Readonly<Record<string, readonly number[]>>>;
}

export async function startGuarded(
  shop: Shop,
  tool: { readonly name: string; readonly sql: string; readonly parameter: string },
  scratch: string,
  program = 'src/main.ts',
): Promise<Guarded> {
  const main = join(root, program);
  const provider = await startIdentityProvider();
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${String(port)}`;
  provider.registerBroker(publicUrl);
  const data = join(scratch, 'data');
  writeSettings(scratch, { listen: `127.0.0.1:${String(port)}`, data, issuer: provider.issuer, shop, tool });

  const startedAt = performance.now();
  const child = spawn(process.execPath, [main, 'serve', '--config', join(scratch, 'sallyport.yaml')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await untilAnswering(new URL('/readyz', publicUrl), child, 200);
  const readyMs = performance.now() - startedAt;
  const callers = await Promise.all(
    Array.from({ length: CALLERS }, async (_, index) => {
      const subject = `caller-${String(index)}@shop.example`;
      return { Authorization: `Bearer ${await provider.accessToken({ subject, groups: ['support'] })}` };
    }),
  );
  return {
    url: new URL('/mcp', publicUrl),
    pid: child.pid ?? Number.NaN,
    readyMs,
    callers,
    doors: async (count) => doorsOf(await outcomes(main, data, count)),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await provider[Symbol.asyncDispose]();
    },
  };
}

interface Settings {
  readonly listen: string;
  readonly data: string;
  readonly issuer: string;
  readonly shop: Shop;
  readonly tool: { readonly name: string; readonly sql: string; readonly parameter: string };
}

function writeSettings(scratch: string, { listen, data, issuer, shop, tool }: Settings): void {
  const policies = join(scratch, 'policies');
  mkdirSync(policies);
  const config = { listen, data, policies, issuers: [{ issuer }], logLevel: 'warn' };
  const policy = {
    version: 1,
    backends: {
      shop: {
        kind: 'postgres',
        url: shop.databaseUrl,
        credential: {
          kind: 'postgres-role',
          admin: shop.adminUrl,
          memberOf: ['shop_support'],
          scope: 'session',
          ttl: '10m',
        },
      },
    },
    tools: {
      [tool.name]: {
        description: 'Looks a customer up by e-mail address.',
        backend: 'shop',
        sql: tool.sql,
        readOnly: true,
        input: { [tool.parameter]: { type: 'string', format: 'email' } },
        mask: [
          { path: '$.rows[*].email', with: 'hash' },
          { path: '$.rows[*].card_number', with: 'keep-last', count: 4 },
          { path: '$.rows[*].phone', with: 'redact' },
        ],
      },
    },
    rules: [
      {
        id: 'support-may-look-up',
        effect: 'allow',
        principals: { groups: ['support'] },
        tools: [tool.name],
        when: `args.${tool.parameter}.endsWith(".com")`,
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(scratch, 'sallyport.yaml'), JSON.stringify(config));
  writeFileSync(join(policies, 'bench.yaml'), JSON.stringify(policy));
}

async function outcomes(
  main: string,
  data: string,
  count: number,
): Promise<readonly { doors: Readonly<Record<string, number>> }[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [main, 'log', 'list', '--json', '--type', 'outcome', '--limit', String(count), '--data', data],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { doors: Readonly<Record<string, number>> });
}

function doorsOf(entries: readonly { doors: Readonly<Record<string, number>> }[]): Record<string, number[]> {
  const doors: Record<string, number[]> = {};
  for (const entry of entries) {
    for (const [door, ms] of Object.entries(entry.doors)) (doors[door] ??= []).push(ms);
  }
  return doors;
}
