import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { Secret } from '../../../src/core/secret.ts';
import { createLeases } from '../../../src/credential/leases.ts';
import { createLog } from '../../../src/log/log.ts';
import { loadKeys } from '../../../src/store/keys.ts';
import { createLeaseRecords } from '../../../src/store/lease-records.ts';
import { openSqliteStore } from '../../../src/store/sqlite-store.ts';
import type { CredentialProvider } from '../../../src/core/credential.ts';
import { vaultProvider } from '../../../src/credential/vault-credential.ts';
import { STEPS } from '../../support/dying-provider.ts';
import type { Dying } from '../../support/dying-lease-process.ts';
import { openShop } from '../../support/postgres-shop.ts';
import { startVaultServer } from '../../support/vault-server.ts';

// SALLYPORT_SLOW_TESTS=1 kills many more, and at every step.
const slow = process.env['SALLYPORT_SLOW_TESTS'] === '1';
const rounds = slow ? 200 : 4;
const steps = slow ? STEPS : (['made', 'half ended'] as const);

test(
  `a broker killed at any moment leaves no role behind the next one’s sweep, in ${String(rounds)} rounds`,
  async () => {
    await using shop = await openShop();
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-crash-'));
    const deployment = shop.prefix.split('_')[1] ?? '';
    const roles = () => shop.database.query('select 1 from pg_roles where starts_with(rolname, $1)', [shop.prefix]);
    let left = 0;
    // Until a kill has left something: only then is there anything to sweep.
    for (let round = 0; round < rounds || (left === 0 && round < 10 * rounds); round += 1) {
      const broker = `broker-${String(round)}`;
      const child = fork(
        new URL('../../support/lease-process.ts', import.meta.url),
        [directory, shop.shop.adminUrl, deployment, broker],
        { execArgv: ['--conditions=sallyport-source'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
      );
      await once(child, 'message');
      await delay(200 + Math.random() * 60);
      const died = once(child, 'exit');
      child.kill('SIGKILL');
      await died;
      await delay(100); // What the server had been told before, it finishes.
      left += (await roles()).length;
    }
    // Nobody beats for the dead brokers, so they count as silent at once.
    const store = await openSqliteStore({
      file: join(directory, 'store.db'),
      keys: await loadKeys(join(directory, 'keys')),
    });
    const records = createLeaseRecords(store);
    const credential = { kind: 'postgres-role', scope: 'invocation', ttlMs: 60_000, options: shop.options } as const;
    const leases = createLeases({
      providers: [shop.provider],
      log: createLog({ store, broker: 'survivor' }),
      records,
      clock: systemClock,
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      broker: 'survivor',
      backends: () => [
        {
          name: 'shop',
          kind: 'postgres',
          definitionHash: 'definition',
          resolvedHash: new Secret('resolved'),
          credential,
        },
      ],
    });
    await leases.sweep();
    expect(left).toBeGreaterThan(0);
    expect(await roles()).toEqual([]);
    expect(
      await records.overdue({ broker: 'survivor', silentSince: Date.now(), recalledBefore: 0, now: Date.now() }),
    ).toEqual([]);
    await leases[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  },
  30_000 + rounds * 50_000,
);

test('a broker killed at each step of a lease leaves nothing behind the next one’s sweep', async () => {
  await using shop = await openShop();
  await using vault = await startVaultServer({ sql: (text) => shop.database.query(text) });
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-steps-'));
  const { address, roleId, secretId } = vault;
  const providers = {
    'postgres-role': { admin: shop.shop.adminUrl, memberOf: ['shop_support'] },
    vault: { address, roleId, secretId, database: { role: 'support' } },
  };
  const left = () =>
    shop.database.query<{ name: string }>(
      `select rolname as name from pg_roles where starts_with(rolname, $1) or starts_with(rolname, 'v-approle-')
       union all select application_name from pg_stat_activity where starts_with(application_name, $1)`,
      [shop.prefix],
    );
  const deployment = shop.prefix.split('_')[1] ?? '';
  const found: Record<string, number> = {};
  for (const [kind, options] of Object.entries(providers)) {
    for (const step of steps) {
      const broker = `${kind} ${step}`;
      const dying: Dying = { directory, deployment, broker, step, kind, options, databaseUrl: shop.shop.databaseUrl };
      const child = fork(new URL('../../support/dying-lease-process.ts', import.meta.url), [JSON.stringify(dying)], {
        execArgv: ['--conditions=sallyport-source'],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
      // postgres-role knows its name from the start, so it never comes to `named`.
      expect([broker, code, signal]).toEqual(
        broker === 'postgres-role named' ? [broker, 0, null] : [broker, null, 'SIGKILL'],
      );
      const before = await left();
      // Nobody beats for the dead broker, so it counts as silent at once.
      const store = await openSqliteStore({
        file: join(directory, 'store.db'),
        keys: await loadKeys(join(directory, 'keys')),
      });
      const records = createLeaseRecords(store);
      const provider = (kind === 'vault' ? vaultProvider : shop.provider) as CredentialProvider;
      const credential = {
        kind,
        scope: 'invocation',
        ttlMs: 60_000,
        options: provider.options.parse(options),
      } as const;
      const leases = createLeases({
        ...{ providers: [provider], log: createLog({ store, broker: 'survivor' }), records, clock: systemClock },
        logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
        broker: 'survivor',
        backends: () => [
          { name: 'shop', kind: 'postgres', definitionHash: 'definition', resolvedHash: new Secret(''), credential },
        ],
      });
      await leases.sweep();
      expect([broker, await left()]).toEqual([broker, []]);
      expect([
        broker,
        await records.overdue({ broker: 'survivor', silentSince: Infinity, recalledBefore: 0, now: Infinity }),
      ]).toEqual([broker, []]);
      expect([broker, vault.leases.size]).toEqual([broker, 0]);
      found[broker] = before.length;
      await leases[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    }
  }
  await rm(directory, { recursive: true });
  // A step at which nothing had been left would have shown nothing.
  expect(found).toMatchObject({ 'postgres-role made': 1, 'vault made': 1 });
  if (slow) expect(found).toMatchObject({ 'vault used': 1, 'vault ending': 1 });
}, 60_000);
