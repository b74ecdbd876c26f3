// A broker process that takes one lease, uses it and ends it, and is killed at the step it was told. Started with `fork`.
import pg from 'pg';
import { systemClock } from '../../src/core/clock.ts';
import type { CredentialProvider } from '../../src/core/credential.ts';
import { Secret } from '../../src/core/secret.ts';
import type { BackendRef } from '../../src/core/tool.ts';
import { createLeases } from '../../src/credential/leases.ts';
import { postgresRoleProvider } from '../../src/credential/postgres-role-credential.ts';
import { vaultProvider } from '../../src/credential/vault-credential.ts';
import { createLog } from '../../src/log/log.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { createLeaseRecords } from '../../src/store/lease-records.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { dieAt, dyingProvider, type Step } from './dying-provider.ts';
import { permittedIntent } from './permitted-intent.ts';

export interface Dying {
  readonly directory: string;
  readonly deployment: string;
  readonly broker: string;
  readonly step: Step;
  readonly kind: string;
  readonly options: Record<string, unknown>;
  readonly databaseUrl: string;
}

const { directory, deployment, broker, step, kind, ...of } = JSON.parse(process.argv[2] ?? '') as Dying;
const store = await openSqliteStore({ file: `${directory}/store.db`, keys: await loadKeys(`${directory}/keys`) });
const log = createLog({ store, broker });
const known: readonly CredentialProvider[] = [postgresRoleProvider(deployment), vaultProvider];
const provider = known.find((one) => one.kind === kind)!;
const options = provider.options.parse(of.options);
const credential = { kind, scope: 'invocation', ttlMs: 60_000, options } as const;
const backend: BackendRef = {
  name: 'shop',
  kind: 'postgres',
  definitionHash: 'definition',
  resolvedHash: new Secret(''),
  credential,
};
const leases = createLeases({
  providers: [dyingProvider(provider, step)],
  log,
  records: createLeaseRecords(store),
  clock: systemClock,
  logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  broker,
  backends: () => [backend],
});
const hold = await leases.acquire(await permittedIntent(log), backend, new AbortController().signal);
const { user, password } = hold.lease!.credential;
const url = new URL(of.databaseUrl);
url.username = user as string;
url.password = (password as Secret).reveal();
const client = new pg.Client({ connectionString: url.href, application_name: user as string });
client.on('error', () => undefined);
await client.connect();
await client.query('begin');
await client.query('select id from customers');
dieAt('used', step);
await hold[Symbol.asyncDispose]();
process.exit(0);
