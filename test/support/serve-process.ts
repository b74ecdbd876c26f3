// `sallyport serve` as a process of its own, over a shop on the run's Postgres and a real OpenID provider: for tests that kill it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { startIdentityProvider, type IdentityProvider } from '../../src/demo/identity-provider.ts';
import { prepareShop } from '../../src/demo/shop-postgres.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { BARE_ENVIRONMENT } from './bare-environment.ts';
import { freePort } from '../../src/demo/free-port.ts';

export interface ServeSite extends AsyncDisposable {
  readonly url: string;
  readonly publicUrl: string;
  readonly directory: string;
  readonly database: TestDatabase;
  readonly provider: IdentityProvider;
  /** Starts it, and resolves when it serves. */
  start(env?: Readonly<Record<string, string>>): Promise<ServeProcess>;
  /** A connected client with an agent's token. */
  client(): Promise<Client>;
  /** Roles of this site's leases that exist at the database. */
  leaseRoles(): Promise<readonly string[]>;
}

export interface ServeProcess extends AsyncDisposable {
  /** What it said on stderr so far. */
  said(): string;
  /** Resolves with its exit code, or the name of the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

const POLICY = `
version: 1
backends:
  shop:
    kind: postgres
    url: \${env:SHOP_DATABASE_URL}
    credential: { kind: postgres-role, admin: '\${env:SHOP_ADMIN_URL}', memberOf: [shop_support], scope: session, ttl: 10s }
tools:
  find_customer:
    backend: shop
    sql: select id, name, card_number from customers where email = :email
    readOnly: true
    input: { email: { type: string } }
    mask: [{ path: '$.rows[*].card_number', with: keep-last, count: 4 }]
  slow_refund:
    backend: shop
    sql: update orders set refunded = true from pg_sleep(:seconds) where id = :order_id returning id
    input: { order_id: { type: integer }, seconds: { type: number } }
    limits: { timeout: 20s }
rules:
  - { id: support, effect: allow, principals: { groups: [support] }, tools: [find_customer, slow_refund] }
`;

export async function prepareServe(): Promise<ServeSite> {
  await using prepared = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-serve-'));
  prepared.defer(() => rm(directory, { recursive: true, force: true }));
  const database = prepared.use(await createTestDatabase());
  const adminLogin = `admin_${database.name}`;
  const shop = await prepareShop(database.adminUrl, { adminLogin });
  prepared.defer(async () => {
    await database.query(`drop owned by ${adminLogin}`);
    await database.query(`drop role ${adminLogin}`);
  });
  const provider = prepared.use(await startIdentityProvider());
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  provider.registerBroker(publicUrl);
  await mkdir(join(directory, 'policies'));
  await writeFile(join(directory, 'policies', 'shop.yaml'), POLICY);
  const config = `listen: 127.0.0.1:${port}\nissuers: [{ issuer: '${provider.issuer}' }]\n`;
  await writeFile(join(directory, 'sallyport.yaml'), config);

  const site = prepared.move();
  return {
    url: `${publicUrl}/mcp`,
    publicUrl,
    directory,
    database,
    provider,
    async start(env = {}) {
      const program = [join(import.meta.dirname, '../../src/main.ts'), 'serve', '--config', 'sallyport.yaml'];
      const child = spawn(process.execPath, program, {
        cwd: directory,
        env: { ...BARE_ENVIRONMENT, SHOP_DATABASE_URL: shop.databaseUrl, SHOP_ADMIN_URL: shop.adminUrl, ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      return started(child);
    },
    async client() {
      const client = new Client({ name: 'test', version: '1' });
      const authorization = `Bearer ${await provider.accessToken()}`;
      const transport = new StreamableHTTPClientTransport(new URL(`${publicUrl}/mcp`), {
        requestInit: { headers: { authorization } },
      });
      await client.connect(transport);
      return client;
    },
    async leaseRoles() {
      const roles = await database.query<{ rolname: string }>(
        `select rolname from pg_roles r where rolname like 'sallyport\\_%' and exists (
           select from pg_auth_members m join pg_roles g on g.oid = m.roleid
           where m.member = r.oid and m.grantor = (select oid from pg_roles where rolname = $1))`,
        [adminLogin],
      );
      return roles.map(({ rolname }) => rolname);
    },
    [Symbol.asyncDispose]: () => site.disposeAsync(),
  };
}

async function started(child: ChildProcess): Promise<ServeProcess> {
  let said = '';
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const serving = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('"msg":"serving"')) resolve();
    });
    void exited.then((code) => reject(new Error(`serve ended with ${code}: ${said}`)));
  });
  await serving;
  return {
    said: () => said,
    async end(signal) {
      child.kill(signal);
      return exited;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}
