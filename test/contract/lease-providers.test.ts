// What holds for the lease of every provider: who shares it, who never does, what is written, what is left of it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CredentialProvider } from '../../src/core/credential.ts';
import type { Credential } from '../../src/core/evidence.ts';
import { Secret } from '../../src/core/secret.ts';
import { noCredential } from '../../src/credential/no-credential.ts';
import { oauthClientCredentials } from '../../src/credential/oauth-client-credentials.ts';
import { oauthTokenExchange } from '../../src/credential/oauth-token-exchange.ts';
import { staticProvider } from '../../src/credential/static-credential.ts';
import { vaultProvider } from '../../src/credential/vault-credential.ts';
import { openLeaseBench, type AcquireOf } from '../support/lease-bench.ts';
import { OPAQUE, startOAuthIssuer, type OAuthIssuer } from '../support/oauth-issuer.ts';
import { principalOf } from '../support/permitted-intent.ts';
import { openShop, type TestShop } from '../support/postgres-shop.ts';
import { startVaultServer, type TestVault } from '../support/vault-server.ts';

let shop: TestShop;
let issuer: OAuthIssuer;
let vault: TestVault;
let nowhere: string;
/** The token of a call, for the provider that exchanges it. */
let call: AcquireOf;
beforeAll(async () => {
  shop = await openShop();
  issuer = await startOAuthIssuer();
  vault = await startVaultServer({ sql: (text) => shop.database.query(text) });
  call = { inbound: await issuer.inbound('ada') };
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  nowhere = `127.0.0.1:${String((closed.address() as AddressInfo).port)}`;
  await new Promise((resolve) => closed.close(resolve));
});
afterAll(async () => {
  await vault[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
  await shop[Symbol.asyncDispose]();
});

interface Subject {
  readonly provider: () => unknown;
  readonly options: () => object;
  /** Options with which no credential can be had, and what the operator is told then. */
  readonly broken?: () => object;
  readonly words?: RegExp;
  /** Whether the credential opens anything; undefined where it is none of its own. */
  readonly isAlive?: (credential: Credential) => Promise<boolean>;
}

async function logsIn({ user, password }: Credential): Promise<boolean> {
  const url = new URL(shop.shop.databaseUrl);
  url.username = user as string;
  url.password = (password as Secret).reveal();
  const client = new pg.Client({ connectionString: url.href });
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}
const stands = ({ token }: Credential): Promise<boolean> => issuer.isAlive((token as Secret).reveal());
const oauth = () => ({ issuer: issuer.issuer, clientId: 'basic', clientSecret: issuer.secret, resource: OPAQUE });
const appRole = () => ({ address: vault.address, roleId: vault.roleId, secretId: vault.secretId });
const database = { role: 'support' };
const secret = { path: 'shop/api', token: 'key' };

const SUBJECTS: Readonly<Record<string, Subject>> = {
  'postgres-role': {
    provider: () => shop.provider,
    options: () => ({ admin: shop.shop.adminUrl, memberOf: ['shop_support'] }),
    broken: () => ({ admin: `postgres://admin:p@${nowhere}/shop`, memberOf: ['shop_support'] }),
    words: /admin at 127.0.0.1:\d+: .*nothing listens/,
    isAlive: logsIn,
  },
  'oauth-client-credentials': {
    provider: () => oauthClientCredentials(),
    options: oauth,
    broken: () => ({ ...oauth(), clientSecret: 'wrong' }),
    words: /basic at http.*invalid_client/,
    isAlive: stands,
  },
  'oauth-token-exchange': {
    provider: () => oauthTokenExchange(),
    options: oauth,
    broken: () => ({ ...oauth(), issuer: `http://${nowhere}` }),
    words: /is sent to no other issuer/,
    isAlive: stands,
  },
  'vault with a database': {
    provider: () => vaultProvider,
    options: () => ({ ...appRole(), database }),
    broken: () => ({ ...appRole(), database, address: `http://${nowhere}` }),
    words: /POST auth\/approle\/login at http.*nothing listens/,
    isAlive: logsIn,
  },
  'vault with a secret': {
    provider: () => vaultProvider,
    options: () => ({ ...appRole(), secret }),
    broken: () => ({ ...appRole(), secret, secretId: 'wrong' }),
    words: /invalid role or secret ID/,
  },
  static: { provider: () => staticProvider, options: () => ({ token: 'static-api-key' }) },
  none: { provider: () => noCredential, options: () => ({}) },
};

describe.each(Object.entries(SUBJECTS))('a lease of %s', (_, subject) => {
  const parsed = (written: object): { provider: CredentialProvider; options: unknown } => {
    const provider = subject.provider() as CredentialProvider;
    return { provider, options: provider.options.parse(written) };
  };

  test('is one for the calls that one session makes at the same time, and another for everybody else', async () => {
    const { provider, options } = parsed(subject.options());
    await using bench = await openLeaseBench(provider, { options });
    await using other = bench.another('broker-b');
    const together = await Promise.all(Array.from({ length: 8 }, () => bench.acquire(call)));
    const over = new AbortController().signal;
    const grant = { id: 'grant', expiresAt: Date.now() + 60_000, over, revoked: over };
    const apart = [
      await bench.acquire({ ...call, principal: principalOf('somebody-else') }),
      await bench.acquire({ ...call, principal: principalOf('robot', undefined, ['more']) }),
      await bench.acquire({ ...call, session: 'another' }),
      await bench.acquire({ ...call, grant }),
      await bench.acquire({ ...call, backend: { ...bench.backend, resolvedHash: new Secret('changed') } }),
      await bench.acquire({ ...call, backend: { ...bench.backend, name: 'another' } }),
      await bench.acquire({ ...call, from: other }),
    ];
    expect(new Set(together.map(({ lease }) => lease!.id)).size).toBe(1);
    expect(new Set([...together, ...apart].map(({ lease }) => lease!.id)).size).toBe(8);
    if (subject.isAlive === undefined) return;
    const secrets = [together[0]!, ...apart].map(({ lease }) => secretsOf(lease!.credential).join());
    expect(new Set(secrets).size).toBe(8);
  });

  test('is on record as issued and as ended, and is then worth nothing; no secret of it was written or said', async () => {
    const { provider, options } = parsed(subject.options());
    await using bench = await openLeaseBench(provider, { options });
    const { lease } = await bench.acquire(call);
    if (subject.isAlive) expect(await subject.isAlive(lease!.credential)).toBe(true);
    await bench.leases.endSession('session-1', 'session');
    expect(lease!.ended.aborted).toBe(true);
    if (subject.isAlive) expect(await subject.isAlive(lease!.credential)).toBe(false);
    expect(await bench.open()).toEqual([]);
    expect(await bench.entries()).toMatchObject([
      { type: 'lease.issued', lease: lease!.id, provider: provider.kind },
      { type: 'lease.revoked', lease: lease!.id, reason: 'session' },
    ]);
    const everything = await bench.everything();
    for (const held of secretsOf(lease!.credential)) expect(everything).not.toContain(held);
    expect(bench.said).toEqual([]);
  });

  test.skipIf(subject.broken === undefined)(
    'that cannot be had is a clear word to the agent, an exact one to the operator, and leaves no open record',
    async () => {
      const { provider, options } = parsed(subject.broken!());
      await using bench = await openLeaseBench(provider, { options });
      await expect(bench.acquire(call)).rejects.toMatchObject({
        code: 'credential_unavailable',
        detail: expect.stringMatching(subject.words!) as string,
      });
      // Where the other side is down it cannot be known that nothing was made: then the sweep goes on trying.
      if (provider.kind === 'postgres-role') return;
      await expect.poll(() => bench.open()).toEqual([]);
    },
  );
});

function secretsOf(credential: Credential): string[] {
  return Object.values(credential).flatMap((field) => (field instanceof Secret ? [field.reveal()] : []));
}
