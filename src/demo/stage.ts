// Everything the demo's story needs, started afresh and gone with it: Postgres with the shop, the OpenID provider, the
// broker with the example policies. Effectful.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { pino } from 'pino';
import { openBroker } from '../cli/compose.ts';
import { listen } from '../cli/listen.ts';
import { loadConfig } from '../config.ts';
import type { ConfigOverrides } from '../config.ts';
import { storeLogSource } from '../store/log-source.ts';
import { openSqliteReader } from '../store/sqlite-reader.ts';
import { approver } from './approver.ts';
import type { Approver } from './approver.ts';
import { startCarrier } from './carrier.ts';
import type { Carrier } from './carrier.ts';
import { startPostgres } from './embedded-postgres.ts';
import type { LoggedEntry } from './followed-call.ts';
import { startIdentityProvider } from './identity-provider.ts';
import { prepareShop } from './shop-postgres.ts';
import { shopWitness } from './shop-witness-postgres.ts';
import type { ShopWitness } from './shop-witness-postgres.ts';
import { startSlackStandIn } from './slack-stand-in.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { freePort } from './free-port.ts';

export interface Stage extends AsyncDisposable {
  /** The broker's MCP address. */
  readonly url: string;
  /** Where people find it: an origin. */
  readonly publicUrl: string;
  readonly issuer: string;
  /** The page of the Slack stand-in. */
  readonly slackUrl: string;
  readonly policiesDirectory: string;
  readonly dataDirectory: string;
  /** Superuser of the shop's database. */
  readonly databaseUrl: string;
  /** What the example policies refer to. */
  readonly shopSettings: Readonly<Record<'SHOP_DATABASE_URL' | 'SHOP_ADMIN_URL', string>>;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly shop: ShopWitness;
  readonly carrier: Carrier;
  /** Who may approve large refunds. */
  readonly approver: Approver;
  /** Who may stop things. */
  readonly admin: { readonly email: string; readonly password: string };
  /** Ten minutes long. */
  readonly agentToken: () => Promise<string>;
  /** All of the log, oldest first; also when the broker has stopped. */
  readonly readLog: () => Promise<readonly LoggedEntry[]>;
  /** Resolves when the broker has ended its leases and its log. */
  readonly stopBroker: () => Promise<void>;
}

/** An optional package, as Postgres is: the broker starts without it. */
const HANDBOOK_SERVER = '@modelcontextprotocol/server-filesystem/dist/index.js';
const AGENT = 'support-agent';
const APPROVER = 'finn@shop.example';
const ADMIN = 'paula@shop.example';
/** Who the approver is in Slack. */
const SLACK_USER = 'U0FINN';
const RULES = 'rules.yaml';

/** Rejects, with nothing left behind, where a part does not start. */
export async function setStage(): Promise<Stage> {
  await using starting = new AsyncDisposableStack();
  const { path: dataDirectory } = starting.use(await temporaryDirectory());
  const postgres = starting.use(await startPostgres());
  const shop = await prepareShop(postgres.adminUrl(), { database: 'shop' });
  const provider = starting.use(await startIdentityProvider());
  const carrier = starting.use(await startCarrier(provider.issuer));
  provider.registerResource(carrier.url);
  const exchange = provider.registerAgent({ clientId: 'sallyport-broker', groups: [] });

  const shopSettings = { SHOP_DATABASE_URL: shop.databaseUrl, SHOP_ADMIN_URL: shop.adminUrl };
  // The names that the policies refer to.
  const env = {
    ...shopSettings,
    ...{ OIDC_ISSUER: provider.issuer, CARRIER_URL: carrier.url, CARRIER_CLIENT_SECRET: exchange.clientSecret },
    HANDBOOK_SERVER: fileURLToPath(import.meta.resolve(HANDBOOK_SERVER)),
  };
  const policiesDirectory = await layPolicies(dataDirectory);
  const address = `127.0.0.1:${await freePort()}`;
  const publicUrl = `http://${address}`;
  provider.registerBroker(publicUrl);
  const issuers = [{ issuer: provider.issuer }];
  const people = { issuer: provider.issuer, clientId: provider.peopleClientId };
  const roles = {
    approver: { groups: ['finance'] },
    admin: { groups: ['platform'] },
    auditor: { groups: ['security'] },
  };
  const files = { data: dataDirectory, policies: policiesDirectory };
  const inFinance = provider.people.get(APPROVER) ?? unknown(APPROVER);
  const { email, name } = inFinance;
  const slack = starting.use(await startSlackStandIn({ users: [{ id: SLACK_USER, name, email }] }));
  const { webhook, signingSecret } = slack;
  const users = { [SLACK_USER]: { subject: email, name, groups: [...inFinance.groups] } };
  const approvals = { slack: { webhook, signingSecret, users } };
  slack.callBack(`${publicUrl}/hooks/slack`);
  const broker = await serveBroker({ listen: address, ...files, issuers, people, roles, approvals }, env);
  starting.use(broker);

  const { clientId, clientSecret } = provider.agents.get(AGENT) ?? unknown(AGENT);
  const databaseUrl = postgres.adminUrl('shop');
  const started = starting.move();
  return {
    url: broker.url,
    publicUrl,
    issuer: provider.issuer,
    ...{ policiesDirectory, dataDirectory, databaseUrl, shopSettings, clientId, clientSecret },
    slackUrl: slack.url,
    shop: shopWitness(databaseUrl),
    carrier,
    approver: approver({
      ...inFinance,
      publicUrl,
      token: async () => (await provider.signIn(APPROVER, `${publicUrl}/api`)).accessToken,
    }),
    admin: provider.people.get(ADMIN) ?? unknown(ADMIN),
    agentToken: () => provider.accessToken({ agent: AGENT }),
    readLog: async () => {
      using reader = openSqliteReader(join(dataDirectory, 'sallyport.db'));
      const entries = await storeLogSource(reader).entries({}, 10_000);
      return entries.map(({ text }) => JSON.parse(text) as LoggedEntry);
    },
    stopBroker: broker.stop,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** The example policies, and beside them those of the systems that the demo alone has. Whoever is asked is told in Slack, too. */
async function layPolicies(dataDirectory: string): Promise<string> {
  const directory = join(dataDirectory, 'policies');
  for (const source of ['../../policies', 'policies']) {
    await cp(join(import.meta.dirname, source), directory, { recursive: true });
  }
  const rules = await readFile(join(directory, RULES), 'utf8');
  const telling = rules.replace('reason: required }', 'reason: required, notify: [slack] }');
  if (telling === rules) throw new Error(`no rule of ${RULES} asks people for a reason`);
  await writeFile(join(directory, RULES), telling);
  return directory;
}

interface ServingBroker extends AsyncDisposable {
  readonly url: string;
  /** Idempotent. */
  readonly stop: () => Promise<void>;
}

/** As `sallyport serve` does. What the broker has to complain about goes to stderr. */
async function serveBroker(overrides: ConfigOverrides, env: Record<string, string>): Promise<ServingBroker> {
  const config = loadConfig({ env, overrides });
  const logger = pino({ level: 'warn', base: null }, pino.destination({ dest: 2, sync: true }));
  await using starting = new AsyncDisposableStack();
  const open = starting.use(await openBroker(config, logger, env));
  const listening = await listen(config, open, logger);
  starting.defer(() => listening.close());
  const serving = starting.move();
  const stop = (): Promise<void> => serving.disposeAsync();
  return { url: listening.url, stop, [Symbol.asyncDispose]: stop };
}

function unknown(name: string): never {
  throw new Error(`the provider does not know ${name}`);
}
