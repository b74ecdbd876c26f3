// A broker under measurement, as a process of its own, whose one tool runs when a person of finance says yes.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { IdentityProvider } from '../src/demo/identity-provider.ts';
import type { Shop } from '../src/demo/shop-postgres.ts';
import { untilAnswering } from './until-answering.ts';
import { freePort } from '../src/demo/free-port.ts';

const main = resolve(import.meta.dirname, '../src/main.ts');

export interface ApprovingBroker extends AsyncDisposable {
  readonly publicUrl: string;
  readonly mcp: URL;
  readonly data: string;
  /** Resident memory, in bytes. */
  residentBytes(): number;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

export interface ApprovingBrokerOptions {
  readonly provider: IdentityProvider;
  readonly shop: Shop;
  /** Of this broker alone; made where it is not there. */
  readonly directory: string;
  /** Shared by brokers of one store. */
  readonly keys?: string;
  /** Of a Postgres store; left out for the embedded one. */
  readonly store?: string;
}

export async function startApprovingBroker(options: ApprovingBrokerOptions): Promise<ApprovingBroker> {
  const { provider, shop, directory, keys, store } = options;
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${String(port)}`;
  provider.registerBroker(publicUrl);
  const policies = join(directory, 'policies');
  const data = join(directory, 'data');
  mkdirSync(policies, { recursive: true });
  const { issuer, peopleClientId: clientId } = provider;
  const config = {
    ...{ listen: `127.0.0.1:${String(port)}`, data, policies, issuers: [{ issuer }], people: { issuer, clientId } },
    ...{ logLevel: 'warn', ...(keys && { keys }), ...(store && { store }) },
  };
  // JSON is YAML.
  writeFileSync(join(directory, 'sallyport.yaml'), JSON.stringify(config));
  writeFileSync(join(policies, 'bench.yaml'), JSON.stringify(policyOf(shop)));
  const child = spawn(process.execPath, [main, 'serve', '--config', join(directory, 'sallyport.yaml')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await untilAnswering(new URL('/healthz', publicUrl), child);
  return {
    publicUrl,
    mcp: new URL('/mcp', publicUrl),
    data,
    residentBytes: () => residentBytes(child),
    kill: () => end(child, 'SIGKILL'),
    [Symbol.asyncDispose]: () => end(child, 'SIGTERM'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function residentBytes({ pid }: ChildProcess): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1_024;
}

/** `start` tells the database's own time at which it ran. */
function policyOf(shop: Shop) {
  const credential = { kind: 'postgres-role', admin: shop.adminUrl, memberOf: ['shop_support'], ttl: '30m' };
  return {
    version: 1,
    backends: { shop: { kind: 'postgres', url: shop.databaseUrl, credential } },
    tools: {
      start: {
        ...{ backend: 'shop', input: { n: { type: 'integer' } }, limits: { timeout: '5s' } },
        sql: 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as started, :n::int as n',
      },
    },
    rules: [
      {
        ...{ id: 'finance-decides', effect: 'require_approval', tools: ['start'] },
        approval: { approvers: { groups: ['finance'] }, expires: '1h' },
      },
    ],
  };
}
