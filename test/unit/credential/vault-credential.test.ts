import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { IssuedCredential, LeaseRequest } from '../../../src/core/credential.ts';
import type { Report } from '../../../src/core/problem.ts';
import type { Secret } from '../../../src/core/secret.ts';
import { vaultProvider, type VaultOptions } from '../../../src/credential/vault-credential.ts';
import { openLeaseBench } from '../../support/lease-bench.ts';
import { openShop, type TestShop } from '../../support/postgres-shop.ts';
import { startVaultServer, type TestVault } from '../../support/vault-server.ts';
import { freePort } from '../../../src/demo/free-port.ts';

let shop: TestShop;
let vault: TestVault;
let policy: TestVault['policy'];
beforeAll(async () => {
  shop = await openShop();
  vault = await startVaultServer({ sql: (text) => shop.database.query(text), namespace: 'team-a' });
  policy = new Map(vault.policy);
});
afterEach(() => {
  vault.fault = undefined;
  vault.sealed = false;
  vault.policy.clear();
  for (const [path, may] of policy) vault.policy.set(path, may);
  vault.ttl.leaseMs = vault.ttl.tokenMs = 60_000;
});
afterAll(async () => {
  expect([...vault.tokens, ...vault.leases]).toEqual([]);
  await vault[Symbol.asyncDispose]();
  await shop[Symbol.asyncDispose]();
});

const signal = AbortSignal.timeout(60_000);

function options(more: object = {}): VaultOptions {
  const { address, roleId, secretId } = vault;
  const database = { role: 'support' };
  return vaultProvider.options.parse({ address, namespace: 'team-a', roleId, secretId, database, ...more });
}

const ofKv = (secret: object = { path: 'shop/api', token: 'key' }): VaultOptions =>
  options({ database: undefined, secret });

class Plan implements LeaseRequest {
  readonly id = 'lease';
  readonly backend = 'shop';
  readonly expiresAt = Date.now() + 60_000;
  readonly inbound = undefined;
  readonly names: string[] = [];
  named = async (reference: string): Promise<void> => void this.names.push(reference);
}

async function issue(given = options(), plan = new Plan()): Promise<IssuedCredential> {
  return vaultProvider.issue(given, plan, vaultProvider.reference(plan), signal);
}

async function logIn({ fields: { user, password } }: IssuedCredential): Promise<string> {
  const url = new URL(shop.shop.databaseUrl);
  url.username = user as string;
  url.password = (password as Secret).reveal();
  const client = new pg.Client({ connectionString: url.href });
  try {
    await client.connect();
    return (await client.query<{ me: string }>('select current_user as me')).rows[0]!.me;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function examined(given: VaultOptions): Promise<string[]> {
  const said: string[] = [];
  const note = (place: { path: readonly unknown[] }, message: string): void =>
    void said.push(`${place.path.join('.')}: ${message}`);
  const report: Report = { error: note, warning: note };
  await vaultProvider.examine(given, report, signal);
  return said;
}

describe('a login of a database engine', () => {
  test('logs in while the lease lives, and is gone after it, with the token that read it', async () => {
    const plan = new Plan();
    const made = await issue(options(), plan);
    expect(plan.names).toEqual([`accessor:${[...vault.tokens.values()][0]!.accessor}`]);
    expect(await logIn(made)).toBe(made.fields['user']);
    const secrets = [(made.fields['password'] as Secret).reveal(), vault.secretId, [...vault.tokens.keys()][0]!];
    const shown = inspect(made, { depth: 9, showHidden: true }) + JSON.stringify([made, options()]);
    for (const secret of secrets) expect(shown).not.toContain(secret);
    expect(await made.revoke?.()).toBe(true);
    await expect(logIn(made)).rejects.toThrow(/password authentication failed/);
    expect([vault.tokens.size, vault.leases.size]).toEqual([0, 0]);
  });

  test('is named on record before it is read, and not read where that fails', async () => {
    const plan = new Plan();
    plan.named = () => Promise.reject(new Error('disk full'));
    const before = vault.requests.length;
    await expect(issue(options(), plan)).rejects.toThrow('disk full');
    expect(vault.requests.slice(before)).toEqual(['POST auth/approle/login', 'POST auth/token/revoke-self']);
  });

  test('is renewed with its token, no further than the lease', async () => {
    vault.ttl.leaseMs = vault.ttl.tokenMs = 20_000;
    const made = await issue();
    expect(made.endsAt! - Date.now()).toBeLessThan(20_001);
    vault.ttl.leaseMs = vault.ttl.tokenMs = 3_600_000;
    const renewed = (await made.renew?.(signal)) ?? 0;
    expect(renewed - Date.now()).toBeGreaterThan(50_000);
    expect(renewed - Date.now()).toBeLessThan(62_000);
    expect([...vault.leases.values()][0]!.endsAt - Date.now()).toBeLessThan(62_000);
    await made.revoke?.();
  });

  test('that was renewed is not taken for ended when its first time is over', async () => {
    vault.ttl.leaseMs = vault.ttl.tokenMs = 2_900;
    const made = await issue();
    vault.ttl.leaseMs = vault.ttl.tokenMs = 60_000;
    await made.renew?.(signal);
    await delay(made.endsAt! - Date.now() + 100);
    vault.fault = () => [403, { errors: ['permission denied'] }];
    await expect(made.revoke?.()).rejects.toThrow('permission denied');
    vault.fault = undefined;
    await made.revoke?.();
  });

  test('ends all the same where the policy lets leases be ended by their token alone', async () => {
    vault.policy.delete('sys/leases/revoke');
    const made = await issue();
    expect(await made.revoke?.()).toBe(true);
    expect([vault.tokens.size, vault.leases.size]).toEqual([0, 0]);
  });

  test('is ended by its accessor after a crash, and twice does no harm', async () => {
    const plan = new Plan();
    const made = await issue(options(), plan);
    await vaultProvider.revoke?.(options(), plan.names[0]!);
    await expect(logIn(made)).rejects.toThrow(/password authentication failed/);
    await vaultProvider.revoke?.(options(), plan.names[0]!);
    const before = vault.requests.length;
    await vaultProvider.revoke?.(options(), vaultProvider.reference(plan));
    expect(vault.requests).toHaveLength(before); // Nothing was read: nothing is there.
  });
});

describe('a secret of a KV engine', () => {
  test('is read by key, with a token that ends at once', async () => {
    const { fields } = await issue(ofKv());
    expect((fields['token'] as Secret).reveal()).toBe('kv-api-key');
    const login = await issue(ofKv({ path: 'shop/api', user: 'login', password: 'word' }));
    expect([login.fields['user'], (login.fields['password'] as Secret).reveal()]).toEqual(['kv-user', 'kv-password']);
    expect(vault.tokens.size).toBe(0);
  });

  test('that lacks the key is said to, and is warned of as it is not just in time', async () => {
    const missing = issue(ofKv({ path: 'shop/api', token: 'kee' }));
    await expect(missing).rejects.toMatchObject({ detail: expect.stringContaining('has no text under kee') as string });
    const said: string[] = [];
    const report: Report = { error: () => undefined, warning: (_, message) => void said.push(message) };
    vaultProvider.inspect?.(ofKv(), report);
    vaultProvider.inspect?.(options(), report);
    expect(said).toEqual([expect.stringContaining('not made just in time')]);
  });
});

describe('what goes wrong is told to the operator, with what to do', () => {
  const allowSuport = () => vault.policy.set('database/creds/suport', ['read']);
  const allowApl = () => vault.policy.set('secret/data/shop/apl', ['read']);
  const answering = (answer: [number, object]) => (vault.fault = () => answer);
  const withSecretId = () => options({ secretId: 'wrong-secret-id' });
  test.each<[string, () => VaultOptions, () => void, RegExp, string]>([
    ['a sealed server', () => options(), () => (vault.sealed = true), /Vault is sealed.*unseal it/, 'roleId'],
    ['a wrong secret id', withSecretId, () => 0, /invalid role or secret ID.*are roleId, secretId/, 'roleId'],
    ['another namespace', () => options({ namespace: 'team-b' }), () => 0, /in namespace team-b.*status 404/, 'roleId'],
    [
      'a policy that does not allow it',
      () => options(),
      () => vault.policy.delete('database/creds/support'),
      /permission denied.*must allow "read" on database\/creds\/support/,
      'database',
    ],
    [
      'a role that is not there',
      () => options({ database: { role: 'suport' } }),
      allowSuport,
      /unknown role/,
      'database',
    ],
    [
      'a secret that is not there',
      () => ofKv({ path: 'shop/apl', token: 'key' }),
      allowApl,
      /nothing is there/,
      'secret',
    ],
    ['a standby node', () => options(), () => answering([307, {}]), /is a standby/, 'roleId'],
    [
      'something else at that address',
      () => options(),
      () => answering([200, { ok: true }]),
      /not what Vault gives/,
      'database',
    ],
  ])('%s', async (_, given, arrange, words, place) => {
    arrange();
    const refused = await issue(given()).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'credential_unavailable', detail: expect.stringMatching(words) as string });
    const shown = inspect(refused, { depth: 9, showHidden: true });
    for (const secret of [vault.secretId, 'wrong-secret-id', ...vault.tokens.keys()])
      expect(shown).not.toContain(secret);
    expect(await examined(given())).toEqual([expect.stringMatching(words)]);
    expect((await examined(given()))[0]).toMatch(new RegExp(`^${place}: `));
  });

  test('a server that is not there, and one that does not answer', async () => {
    const nowhere = options({ address: `http://127.0.0.1:${String(await freePort())}` });
    await expect(issue(nowhere)).rejects.toMatchObject({ detail: expect.stringMatching(/nothing listens/) as string });
    vault.fault = () => 'hang';
    await expect(issue()).rejects.toMatchObject({
      detail: expect.stringMatching(/no answer within 3000 ms/) as string,
    });
  });

  test('an accessor that may not be revoked', async () => {
    vault.policy.delete('auth/token/revoke-accessor');
    const plan = new Plan();
    const made = await issue(options(), plan);
    await expect(vaultProvider.revoke?.(options(), plan.names[0]!)).rejects.toMatchObject({
      detail: expect.stringMatching(/must allow "update" on auth\/token\/revoke-accessor/) as string,
    });
    expect(await examined(options())).toEqual([expect.stringMatching(/what a crash leaves lives on until/)]);
    await made.revoke?.();
    expect(vault.tokens.size).toBe(0);
  });

  test('options that cannot hold', () => {
    const problems = (more: object): string =>
      vaultProvider.options
        .safeParse({ address: vault.address, roleId: 'r', secretId: 's', ...more })
        .error!.issues.map(({ message }) => message)
        .join();
    expect(problems({})).toMatch(/expected `database` or `secret`/);
    expect(problems({ database: { role: 'a' }, secret: { path: 'b', token: 'c' } })).toMatch(/`database` or `secret`/);
    expect(problems({ database: { role: '../../sys/seal' } })).toMatch(/expected a path of names/);
    expect(problems({ secret: { path: 'b' } })).toMatch(/which keys of the secret are what/);
    expect(problems({ database: { role: 'a' }, address: 'http://vault.example' })).toMatch(/expected https/);
  });
});

test('examining makes a login and leaves nothing', async () => {
  expect(await examined(options())).toEqual([]);
  expect(await examined(ofKv())).toEqual([]);
  expect([vault.tokens.size, vault.leases.size]).toEqual([0, 0]);
});

test('a lease is renewed while it lives, and after a crash its login ends by what is on record', async () => {
  vault.ttl.leaseMs = vault.ttl.tokenMs = 3_000;
  vault.requests.length = 0;
  await using bench = await openLeaseBench(vaultProvider, { options: options(), ttlMs: 60_000 });
  const died = bench.another('broker-dead');
  const { lease } = await bench.acquire({ from: died });
  await vi.waitFor(() => expect(vault.requests).toContain('POST sys/leases/renew'), 10_000);
  expect(lease!.ended.aborted).toBe(false);
  const [record] = await bench.open();
  expect(record).toMatchObject({ reference: `accessor:${[...vault.tokens.values()][0]!.accessor}` });
  await bench.leases.sweep();
  expect([vault.tokens.size, vault.leases.size]).toEqual([0, 0]);
  expect(await bench.open()).toEqual([]);
  const secrets = [(lease!.credential['password'] as Secret).reveal(), vault.secretId, 'hvs.'];
  const everything = await bench.everything();
  for (const secret of secrets) expect(everything).not.toContain(secret);
});
