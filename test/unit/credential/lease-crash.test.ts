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
import { openShop } from '../../support/postgres-shop.ts';

// The nightly form: SALLYPORT_CRASHES=200.
const rounds = Number(process.env['SALLYPORT_CRASHES'] ?? 6);

test(
  `a broker killed at any moment leaves no role behind the next one’s sweep, in ${String(rounds)} rounds`,
  async () => {
    await using shop = await openShop();
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-crash-'));
    const deployment = shop.prefix.split('_')[1] ?? '';
    const roles = () => shop.database.query('select 1 from pg_roles where starts_with(rolname, $1)', [shop.prefix]);
    let left = 0;
    for (let round = 0; round < rounds; round += 1) {
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
  30_000 + rounds * 5_000,
);
