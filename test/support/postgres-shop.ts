// The demo's shop on the run's Postgres: leases of it, and tools over it, without the rest of the broker.
import { randomBytes } from 'node:crypto';
import { Intent, Lease } from '../../src/core/evidence.ts';
import type { JsonObject, JsonSchema } from '../../src/core/json.ts';
import type { Report } from '../../src/core/problem.ts';
import type { ToolAnswer } from '../../src/core/tool.ts';
import { uuidv7 } from '../../src/core/uuid.ts';
import { postgresRoleProvider, type PostgresRoleOptions } from '../../src/credential/postgres-role-credential.ts';
import { prepareShop, type Shop } from '../../src/demo/shop-postgres.ts';
import { postgresKind, type PostgresTool } from '../../tools/postgres/postgres-kind.ts';
import type { CompiledTool, DeclaredTool, ToolLimits } from '../../tools/tool-kind.ts';
import { permitOf } from './permitted-intent.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export interface TestLease extends AsyncDisposable {
  readonly lease: Lease;
  /** The login role. */
  readonly role: string;
  /** Ends it without revoking it. */
  readonly ended: AbortController;
}

export interface TestShop extends AsyncDisposable {
  readonly shop: Shop;
  readonly database: TestDatabase;
  readonly provider: ReturnType<typeof postgresRoleProvider>;
  readonly options: PostgresRoleOptions;
  /** The part of this deployment's role names that all share. */
  readonly prefix: string;
  lease(ttlMs?: number): Promise<TestLease>;
  tool(sql: string, more?: ToolOptions): CompiledTool;
}

export interface ToolOptions {
  readonly readOnly?: boolean;
  readonly input?: Record<string, JsonSchema>;
  readonly limits?: Partial<ToolLimits>;
  readonly url?: string;
}

export async function openShop(): Promise<TestShop> {
  const database = await createTestDatabase();
  const shop = await prepareShop(database.adminUrl, { adminLogin: `admin_${database.name}` });
  const deployment = randomBytes(4).toString('hex');
  const provider = postgresRoleProvider(deployment);
  const options = provider.options.parse({ admin: shop.adminUrl, memberOf: ['shop_support'] });
  return {
    shop,
    database,
    provider,
    options,
    prefix: `sallyport_${deployment}_`,
    lease: (ttlMs = 60_000) => leaseFrom(provider, options, ttlMs),
    tool: (sql, more = {}) => compileOne(sql, { url: shop.databaseUrl, ...more }),
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

export async function leaseFrom(
  provider: TestShop['provider'],
  options: PostgresRoleOptions,
  ttlMs: number,
): Promise<TestLease> {
  const id = uuidv7(Date.now());
  const expiresAt = Date.now() + ttlMs;
  const plan = { id, backend: 'shop', expiresAt, inbound: undefined, named: () => Promise.resolve() };
  const role = provider.reference(plan);
  const { fields: credential } = await provider.issue(options, plan, role, AbortSignal.timeout(10_000));
  const ended = new AbortController();
  const resources = new AsyncDisposableStack();
  const facts = { id, backend: 'shop', provider: provider.kind, credential, expiresAt, ended: ended.signal, resources };
  return {
    lease: Lease.issued(facts),
    role,
    ended,
    async [Symbol.asyncDispose]() {
      ended.abort();
      await resources.disposeAsync();
      await provider.revoke(options, role);
    },
  };
}

/** Compiles a tool that must be without problems. */
export function compileOne(sql: string, { url, ...more }: ToolOptions & { url: string }): CompiledTool {
  const problems: string[] = [];
  const note = (_place: unknown, message: string): void => void problems.push(message);
  const report: Report = { error: note, warning: note };
  const [tool] = postgresKind.compile(declare(sql, { url, ...more }), report);
  if (problems.length > 0 || tool === undefined) throw new Error(problems.join('; '));
  return tool;
}

export function declare(
  sql: string,
  { url, readOnly = true, input, limits = {} }: ToolOptions & { url: string },
): DeclaredTool<{ url: string }, PostgresTool> {
  const names = [...sql.matchAll(/(?<![:\w]):([a-z_]\w*)/gi)].map(([, name = '']) => [name, {}] as const);
  return {
    name: 'tool',
    backend: { name: 'shop', options: { url }, directory: '/', documents: new Map() },
    declaration: { sql },
    input: { properties: input ?? Object.fromEntries(names), optional: [] },
    annotations: { readOnly, destructive: false, idempotent: false },
    limits: { rows: 50, bytes: 262_144, timeoutMs: 10_000, ...limits },
  };
}

/** Calls a tool as the broker does once an intent is durable; no kind looks into the intent. */
export function callTool(
  tool: CompiledTool,
  { lease, ended }: TestLease,
  args: JsonObject = {},
  { timeoutMs = 10_000, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<ToolAnswer> {
  return tool.call({
    intent: Intent.recorded(permitOf(), 1),
    lease,
    arguments: args,
    deadline: Date.now() + timeoutMs,
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ended.signal, ...(signal === undefined ? [] : [signal])]),
  });
}
