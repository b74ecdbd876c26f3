// A local implementation of the documented HTTP API of Vault and OpenBao, as far as leases use it: AppRole sign-in, tokens with
// accessors, policies, leases, the database engine (which makes real Postgres roles) and KV v2, in one namespace.
// Answers, statuses and error texts are those of the documentation and of the servers' sources.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Capability = 'read' | 'update';
type Answer = readonly [status: number, body?: object];

interface Token {
  readonly accessor: string;
  readonly maxEndsAt: number;
  endsAt: number;
}

interface DatabaseLease {
  readonly username: string;
  readonly token: string;
  readonly maxEndsAt: number;
  endsAt: number;
}

export interface VaultServerOptions {
  /** Runs SQL as the login that the database engine is configured with. */
  readonly sql: (text: string) => Promise<unknown>;
  readonly namespace?: string;
}

export interface TestVault extends AsyncDisposable {
  readonly address: string;
  readonly roleId: string;
  readonly secretId: string;
  /** What the AppRole's policies allow besides those of the policy `default`. A test may take something away. */
  readonly policy: Map<string, readonly Capability[]>;
  readonly kv: Map<string, Record<string, unknown>>;
  readonly ttl: { tokenMs: number; tokenMaxMs: number; leaseMs: number; leaseMaxMs: number };
  sealed: boolean;
  /** Answers in the place of the server, where it gives something; `hang` gives nothing, ever. */
  fault: ((method: string, path: string) => Answer | 'hang' | undefined) | undefined;
  /** `METHOD path` of every request. */
  readonly requests: string[];
  readonly tokens: ReadonlyMap<string, Token>;
  readonly leases: ReadonlyMap<string, DatabaseLease>;
}

const DEFAULT_POLICY: Readonly<Record<string, readonly Capability[]>> = {
  'auth/token/renew-self': ['update'],
  'auth/token/revoke-self': ['update'],
  'sys/capabilities-self': ['update'],
  'sys/leases/renew': ['update'],
};

const denied: Answer = [403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] }];

export async function startVaultServer({ sql, namespace }: VaultServerOptions): Promise<TestVault> {
  const tokens = new Map<string, Token>();
  const leases = new Map<string, DatabaseLease>();
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const vault: TestVault = {
    address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    roleId: randomUUID(),
    secretId: randomUUID(),
    policy: new Map<string, readonly Capability[]>([
      ['database/creds/support', ['read']],
      ['secret/data/shop/api', ['read']],
      ['sys/leases/revoke', ['update']],
      ['auth/token/revoke-accessor', ['update']],
    ]),
    kv: new Map([['shop/api', { key: 'kv-api-key', login: 'kv-user', word: 'kv-password' }]]),
    ttl: { tokenMs: 60_000, tokenMaxMs: 3_600_000, leaseMs: 60_000, leaseMaxMs: 3_600_000 },
    sealed: false,
    fault: undefined,
    requests: [],
    tokens,
    leases,
    async [Symbol.asyncDispose]() {
      clearInterval(expiring);
      for (const id of leases.keys()) await endLease(id);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const expiring = setInterval(() => {
    for (const [token, { endsAt }] of tokens) if (endsAt <= Date.now()) void endToken(token);
    for (const [id, { endsAt }] of leases) if (endsAt <= Date.now()) void endLease(id);
  }, 50).unref();

  async function endLease(id: string): Promise<void> {
    const lease = leases.get(id);
    leases.delete(id);
    if (lease !== undefined) await sql(`drop role if exists "${lease.username}"`);
  }

  async function endToken(token: string): Promise<void> {
    tokens.delete(token);
    for (const [id, lease] of leases) if (lease.token === token) await endLease(id);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const method = request.method ?? '';
    const path = (request.url ?? '').replace(/^\/v1\//, '');
    vault.requests.push(`${method} ${path}`);
    const given = vault.fault?.(method, path);
    if (given === 'hang') return;
    const [status, answer] = given ?? (await answerTo(request, method, path, body));
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(answer === undefined ? '' : JSON.stringify(answer));
  }

  async function answerTo(
    request: IncomingMessage,
    method: string,
    path: string,
    body: Record<string, unknown>,
  ): Promise<Answer> {
    if (vault.sealed) return [503, { errors: ['Vault is sealed'] }];
    if (request.headers['x-vault-namespace'] !== namespace) {
      return [404, { errors: [`no handler for route "${path}". route entry not found.`] }];
    }
    if (path === 'auth/approle/login') return signIn(body);
    const token = request.headers['x-vault-token'];
    const known = typeof token === 'string' ? tokens.get(token) : undefined;
    if (known === undefined || typeof token !== 'string') {
      return [403, { errors: ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'] }];
    }
    const capability = method === 'GET' ? 'read' : 'update';
    if (!capabilitiesOf(path).includes(capability)) return denied;
    return (await answerWith(token, known, path, body)) ?? [404, { errors: [] }];
  }

  const capabilitiesOf = (path: string): readonly Capability[] => DEFAULT_POLICY[path] ?? vault.policy.get(path) ?? [];

  function signIn({ role_id: roleId, secret_id: secretId }: Record<string, unknown>): Answer {
    if (roleId !== vault.roleId || secretId !== vault.secretId) {
      return [400, { errors: ['invalid role or secret ID'] }];
    }
    const { tokenMs, tokenMaxMs } = vault.ttl;
    const token = `hvs.${randomBytes(24).toString('base64url')}`;
    const now = Date.now();
    tokens.set(token, {
      accessor: randomBytes(18).toString('base64url'),
      endsAt: now + tokenMs,
      maxEndsAt: now + tokenMaxMs,
    });
    return [200, { ...wrapped(), auth: authOf(token) }];
  }

  function authOf(token: string): object {
    const { accessor, endsAt } = tokens.get(token)!;
    const seconds = Math.floor((endsAt - Date.now()) / 1000);
    const policies = ['default', 'sallyport'];
    return {
      ...{ client_token: token, accessor, policies, token_policies: policies, metadata: { role_name: 'sallyport' } },
      ...{ lease_duration: seconds, renewable: true, entity_id: randomUUID(), token_type: 'service', orphan: true },
    };
  }

  async function answerWith(
    token: string,
    known: Token,
    path: string,
    body: Record<string, unknown>,
  ): Promise<Answer | undefined> {
    const now = Date.now();
    const wanted = (Number(body['increment']) || 60) * 1000;
    switch (path) {
      case 'auth/token/renew-self':
        known.endsAt = Math.min(now + Math.min(wanted, vault.ttl.tokenMs), known.maxEndsAt);
        return [200, { ...wrapped(), auth: authOf(token) }];
      case 'auth/token/revoke-self':
        await endToken(token);
        return [204];
      case 'auth/token/revoke-accessor': {
        const [found] = [...tokens].find(([, { accessor }]) => accessor === body['accessor']) ?? [];
        if (found === undefined) return [400, { errors: ['1 error occurred:\n\t* invalid accessor\n\n'] }];
        await endToken(found);
        return [204];
      }
      case 'sys/capabilities-self': {
        const asked = (body['paths'] as string[]).map((one) => {
          const found = capabilitiesOf(one);
          return [one, found.length === 0 ? ['deny'] : found] as const;
        });
        return [200, { ...wrapped(), capabilities: asked[0]?.[1], ...Object.fromEntries(asked) }];
      }
      case 'sys/leases/renew': {
        const lease = leases.get(String(body['lease_id']));
        if (lease === undefined) return [400, { errors: ['lease not found'] }];
        lease.endsAt = Math.min(now + Math.min(wanted, vault.ttl.leaseMs), lease.maxEndsAt);
        const seconds = Math.floor((lease.endsAt - now) / 1000);
        return [200, { ...wrapped(), lease_id: body['lease_id'], renewable: true, lease_duration: seconds }];
      }
      case 'sys/leases/revoke':
        await endLease(String(body['lease_id']));
        return [204];
    }
    if (path.startsWith('database/creds/')) return makeLogin(token, path.slice('database/creds/'.length));
    if (!path.startsWith('secret/data/')) return undefined;
    const data = vault.kv.get(path.slice('secret/data/'.length));
    const metadata = { created_time: new Date().toISOString(), deletion_time: '', destroyed: false, version: 1 };
    return data && [200, { ...wrapped(), data: { data, metadata } }];
  }

  async function makeLogin(token: string, role: string): Promise<Answer> {
    if (role !== 'support') return [400, { errors: [`unknown role: ${role}`] }];
    const { leaseMs, leaseMaxMs } = vault.ttl;
    const username = `v-approle-${role}-${randomBytes(10).toString('hex')}`;
    const password = randomBytes(15).toString('base64url');
    const endsAt = Date.now() + leaseMs;
    const id = `database/creds/${role}/${randomBytes(12).toString('hex')}`;
    await sql(
      `create role "${username}" with login password '${password}' valid until '${new Date(endsAt).toISOString()}' in role shop_support`,
    );
    leases.set(id, { username, token, endsAt, maxEndsAt: Date.now() + leaseMaxMs });
    const seconds = Math.floor(leaseMs / 1000);
    return [
      200,
      { ...wrapped(), lease_id: id, lease_duration: seconds, renewable: true, data: { username, password } },
    ];
  }

  return vault;
}

/** What every answer has around it. */
function wrapped(): object {
  return {
    ...{ request_id: randomUUID(), lease_id: '', renewable: false, lease_duration: 0 },
    ...{ data: null, wrap_info: null, warnings: null, auth: null },
  };
}
