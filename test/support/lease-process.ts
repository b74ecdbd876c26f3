// A broker process that takes leases and does nothing else, for tests that kill it at any moment. Started with `fork`.
import { permittedIntent } from './permitted-intent.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import type { BackendRef } from '../../src/core/tool.ts';
import { createLeases } from '../../src/credential/leases.ts';
import { postgresRoleProvider } from '../../src/credential/postgres-role-credential.ts';
import { createLog } from '../../src/log/log.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { createLeaseRecords } from '../../src/store/lease-records.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const [, , directory = '', adminUrl = '', deployment = '', broker = ''] = process.argv;
const store = await openSqliteStore({ file: `${directory}/store.db`, keys: await loadKeys(`${directory}/keys`) });
const log = createLog({ store, broker });
const provider = postgresRoleProvider(deployment);
const options = provider.options.parse({ admin: adminUrl, memberOf: ['shop_support'] });
const credential = { kind: provider.kind, scope: 'invocation', ttlMs: 60_000, options } as const;
const backend: BackendRef = {
  name: 'shop',
  kind: 'postgres',
  definitionHash: 'definition',
  resolvedHash: new Secret('resolved'),
  credential,
};
const leases = createLeases({
  providers: [provider],
  log,
  records: createLeaseRecords(store),
  clock: systemClock,
  logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  broker,
  backends: () => [backend],
});

process.send?.('ready');
async function takeLeases(): Promise<never> {
  for (;;) {
    const hold = await leases.acquire(await permittedIntent(log), backend, new AbortController().signal);
    await hold[Symbol.asyncDispose]();
  }
}
await Promise.all([takeLeases(), takeLeases(), takeLeases()]);
