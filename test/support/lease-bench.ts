// Leases over a real store and log, with whatever provider a test brings.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CredentialProvider, LeaseHold } from '../../src/core/credential.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { PermitGrant } from '../../src/core/evidence.ts';
import type { InboundToken } from '../../src/core/inbound-token.ts';
import type { LeaseRecord } from '../../src/core/lease-records.ts';
import type { Log } from '../../src/core/log.ts';
import type { Principal } from '../../src/core/principal.ts';
import { Secret } from '../../src/core/secret.ts';
import type { BackendRef } from '../../src/core/tool.ts';
import { createLeases, type RunningLeases } from '../../src/credential/leases.ts';
import { createLog } from '../../src/log/log.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { createLeaseRecords } from '../../src/store/lease-records.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { permittedIntent, principalOf } from './permitted-intent.ts';

export interface LeaseEntry {
  readonly type: string;
  readonly lease: string;
  readonly reference: string;
  readonly provider?: string;
  readonly reason?: string;
  readonly validUntil?: string;
}

export interface LeaseBench extends AsyncDisposable {
  readonly leases: RunningLeases;
  readonly backend: BackendRef;
  readonly said: readonly string[];
  /** Another broker process on the same store. */
  another(broker: string): RunningLeases;
  acquire(of?: AcquireOf): Promise<LeaseHold>;
  entries(): Promise<LeaseEntry[]>;
  open(): Promise<readonly LeaseRecord[]>;
  /** Every byte of store, log and what the process said. */
  everything(): Promise<string>;
}

export interface AcquireOf {
  readonly principal?: Principal;
  readonly session?: string;
  readonly grant?: PermitGrant;
  readonly backend?: BackendRef;
  readonly inbound?: InboundToken;
  readonly from?: RunningLeases;
}

export interface BenchOptions {
  readonly options: unknown;
  readonly ttlMs?: number;
  readonly scope?: 'session' | 'invocation';
  /** Puts a faulty log in the place of the good one. */
  readonly log?: (log: Log) => Log;
}

export async function openLeaseBench(provider: CredentialProvider, given: BenchOptions): Promise<LeaseBench> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-lease-bench-'));
  const keys = await loadKeys(join(directory, 'keys'));
  const store = await openSqliteStore({ file: join(directory, 'store.db'), keys });
  const log: Log = createLog({ store, broker: 'broker-a' });
  const records = createLeaseRecords(store);
  const said: string[] = [];
  const say = (fields: object, message: string): void => void said.push(JSON.stringify({ ...fields, message }));
  const { options, ttlMs = 60_000, scope = 'session' } = given;
  const credential = { kind: provider.kind, scope, ttlMs, options };
  const backend: BackendRef = {
    name: 'thing',
    kind: 'test',
    definitionHash: 'definition',
    resolvedHash: new Secret(''),
    credential,
  };
  const robot = principalOf('robot');
  const others: RunningLeases[] = [];
  const openLeases = (broker: string): RunningLeases =>
    createLeases({
      ...{ providers: [provider], log: given.log?.(log) ?? log, records, clock: systemClock, broker },
      logger: { debug: say, info: say, warn: say, error: say },
      backends: () => [backend],
    });
  const leases = openLeases('broker-a');
  return {
    leases,
    backend,
    said,
    another(broker) {
      const other = openLeases(broker);
      others.push(other);
      return other;
    },
    async acquire({ principal = robot, backend: at = backend, from = leases, inbound, ...of } = {}) {
      const intent = await permittedIntent(log, { principal, ...of });
      return from.acquire(intent, at, AbortSignal.timeout(30_000), inbound);
    },
    async entries() {
      const rows = await store.query<{ body: string }>({
        sql: "select body from entries where body ->> 'type' like 'lease.%' order by seq",
        parameters: [],
      });
      return rows.map(({ body }) => JSON.parse(body) as LeaseEntry);
    },
    open: () => records.overdue({ broker: 'nobody', silentSince: Infinity, recalledBefore: 0, now: Infinity }),
    async everything() {
      const files = (await readdir(directory)).filter((name) => name.startsWith('store'));
      const bytes = await Promise.all(files.map((name) => readFile(join(directory, name), 'latin1')));
      return [...bytes, ...said].join('\n');
    },
    async [Symbol.asyncDispose]() {
      for (const each of [leases, ...others]) await each[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}
