// The whole broker as `serve` runs it, over a fresh shop on the real Postgres and the real OpenID provider.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openBroker, type OpenBroker } from '../../src/cli/compose.ts';
import { listen } from '../../src/cli/listen.ts';
import { loadConfig, type ConfigOverrides } from '../../src/config.ts';
import type { Logger } from '../../src/core/logger.ts';
import { startIdentityProvider, type IdentityProvider } from '../../src/demo/identity-provider.ts';
import { prepareShop, type Shop } from '../../src/demo/shop-postgres.ts';
import type { Waits } from '../../src/mcp.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { freePort } from '../../src/demo/free-port.ts';

export interface TestBroker extends AsyncDisposable {
  /** Where agents find MCP. */
  readonly url: string;
  readonly publicUrl: string;
  readonly open: OpenBroker;
  readonly provider: IdentityProvider;
  readonly database: TestDatabase;
  readonly shop: Shop;
  readonly dataDirectory: string;
  /** A copy of the example policies, to be changed at will. */
  readonly policiesDirectory: string;
  readonly logLines: readonly string[];
}

export interface TestBrokerOptions {
  readonly policies?: string;
  readonly waits?: Waits;
  /** More of the configuration. */
  readonly config?: ConfigOverrides;
}

/** Another broker of the same deployment, behind the same public address, on all that the first one stands on. */
export async function startBrokerBeside(first: TestBroker, options: TestBrokerOptions = {}): Promise<TestBroker> {
  const served = await serve({ ...first, port: await freePort() }, options);
  return { ...first, ...served };
}

export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { policies = 'policies' } = options;
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  const database = started.use(await createTestDatabase());
  const shop = await prepareShop(database.adminUrl, { adminLogin: `admin_${database.name}` });
  started.defer(async () => {
    await database.query(`drop owned by admin_${database.name}`);
    await database.query(`drop role admin_${database.name}`);
  });
  const provider = started.use(await startIdentityProvider());
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  provider.registerBroker(publicUrl);

  const policiesDirectory = join(directory, 'policies');
  await cp(policies, policiesDirectory, { recursive: true });
  const dataDirectory = join(directory, 'data');
  const place = { provider, publicUrl, policiesDirectory, dataDirectory, shop, port };
  const { url, open, logLines } = started.use(await serve(place, options));
  const running = started.move();
  return {
    ...{ url, publicUrl, open, provider, database, shop, dataDirectory, policiesDirectory, logLines },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface Served extends AsyncDisposable, Pick<TestBroker, 'url' | 'open' | 'logLines'> {}

async function serve(
  place: Pick<TestBroker, 'provider' | 'publicUrl' | 'policiesDirectory' | 'dataDirectory' | 'shop'> & { port: number },
  { waits, config: more }: TestBrokerOptions,
): Promise<Served> {
  const { provider, publicUrl, policiesDirectory, dataDirectory, shop, port } = place;
  const address = `127.0.0.1:${port}`;
  const config = loadConfig({
    env: {},
    overrides: {
      listen: address,
      publicUrl,
      allowedHosts: [address],
      issuers: [{ issuer: provider.issuer, groups: 'groups' }],
      people: { issuer: provider.issuer, clientId: provider.peopleClientId },
      roles: { auditor: { groups: ['security'] }, admin: { groups: ['platform'] } },
      policies: policiesDirectory,
      data: dataDirectory,
      ...more,
    },
  });
  await using starting = new AsyncDisposableStack();
  const logLines: string[] = [];
  const logger: Logger = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const env = { SHOP_DATABASE_URL: shop.databaseUrl, SHOP_ADMIN_URL: shop.adminUrl };
  const open = starting.use(await openBroker(config, logger, env));
  const listening = await listen({ ...config, waits }, open, logger);
  starting.defer(() => listening.close());
  const running = starting.move();
  return { url: `http://${address}/mcp`, open, logLines, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
