import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import type { CredentialProvider } from '../../../src/core/credential.ts';
import { CredentialError, StoreError } from '../../../src/core/errors.ts';
import type { Intent } from '../../../src/core/evidence.ts';
import type { Log } from '../../../src/core/log.ts';
import type { Store } from '../../../src/core/store.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { BackendRef } from '../../../src/core/tool.ts';
import { createLeases, type RunningLeases } from '../../../src/credential/leases.ts';
import { createLog } from '../../../src/log/log.ts';
import { loadKeys } from '../../../src/store/keys.ts';
import { createLeaseRecords } from '../../../src/store/lease-records.ts';
import { openSqliteStore } from '../../../src/store/sqlite-store.ts';
import { createSwitchRecords } from '../../../src/store/switch-records.ts';
import { openSwitchGate } from '../../../src/switches/switch-gate.ts';
import { type PermittedOf, permittedIntent, principalOf } from '../../support/permitted-intent.ts';
import { openShop, type TestShop } from '../../support/postgres-shop.ts';

interface LeaseEntry {
  readonly type: string;
  readonly lease: string;
  readonly reference: string;
  readonly reason?: string;
}

/** A clock that a test can push on. */
class PushedClock implements Clock {
  ahead = 0;
  now(): number {
    return Date.now() + this.ahead;
  }
  monotonic(): number {
    return performance.now();
  }
}

let shop: TestShop;
let directory: string;
let store: Store;
let clock: PushedClock;
let log: Log;
let leases: RunningLeases;
let backend: BackendRef;
const said: string[] = [];
const say = (fields: object, message: string): void => void said.push(JSON.stringify({ ...fields, message }));
const logger = { debug: say, info: say, warn: say, error: say };

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-leases-'));
  store = await openSqliteStore({ file: join(directory, 'store.db'), keys: await loadKeys(join(directory, 'keys')) });
  log = createLog({ store, broker: 'broker-a' });
  clock = new PushedClock();
  backend = backendOf();
  leases = open();
  said.length = 0;
});
afterEach(async () => {
  await leases[Symbol.asyncDispose]();
  expect(await roles()).toEqual([]);
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function open(more: { broker?: string; log?: Log; providers?: CredentialProvider[] } = {}): RunningLeases {
  const backends = (): BackendRef[] => [backend];
  const records = createLeaseRecords(store);
  return createLeases({
    providers: [shop.provider],
    log,
    records,
    clock,
    logger,
    broker: 'broker-a',
    backends,
    ...more,
  });
}

function backendOf(
  more: { scope?: 'session' | 'invocation'; ttlMs?: number; name?: string; hash?: string; options?: unknown } = {},
): BackendRef {
  return {
    name: more.name ?? 'shop',
    kind: 'postgres',
    definitionHash: more.hash ?? 'definition',
    resolvedHash: new Secret(more.hash ?? 'resolved'),
    credential: {
      kind: 'postgres-role',
      scope: more.scope ?? 'session',
      ttlMs: more.ttlMs ?? 60_000,
      options: more.options ?? shop.options,
    },
  };
}

const robot = principalOf('robot');

const intentOf = (of: PermittedOf = {}): Promise<Intent> => permittedIntent(log, { principal: robot, ...of });

const acquire = async (of: PermittedOf = {}, from = leases, at = backend) =>
  from.acquire(await intentOf(of), at, new AbortController().signal);

function grantOf(expiresAt = Date.now() + 60_000) {
  const [over, revoked] = [new AbortController(), new AbortController()];
  return { over, revoked, grant: { id: 'grant-1', expiresAt, over: over.signal, revoked: revoked.signal } };
}

async function roles(): Promise<string[]> {
  const rows = await shop.database.query<{ name: string }>(
    'select rolname as name from pg_roles where starts_with(rolname, $1) order by 1',
    [shop.prefix],
  );
  return rows.map(({ name }) => name);
}

async function entries(): Promise<LeaseEntry[]> {
  const rows = await store.query<{ body: string }>({
    sql: "select body from entries where body ->> 'type' like 'lease.%' order by seq",
    parameters: [],
  });
  return rows.map(({ body }) => JSON.parse(body) as LeaseEntry);
}

const openRows = () =>
  store.query<{ id: string; reference: string }>({
    sql: 'select * from leases where ended_at is null',
    parameters: [],
  });

describe('a session’s lease', () => {
  test('is shared by the calls of one principal, session and backend, those at once included', async () => {
    const holds = await Promise.all(Array.from({ length: 10 }, () => acquire()));
    expect(new Set(holds.map(({ lease }) => lease?.id)).size).toBe(1);
    expect(await roles()).toHaveLength(1);
    for (const hold of holds) await hold[Symbol.asyncDispose]();
    expect((await acquire()).lease?.id).toBe(holds[0]?.lease?.id);
    expect(await entries()).toMatchObject([
      { type: 'lease.issued', lease: holds[0]?.lease?.id, reference: (await roles())[0] },
    ]);
  });

  test('is not shared across principals, sessions, backends or definitions', async () => {
    const ids = [
      await acquire(),
      await acquire({ principal: principalOf('other') }),
      await acquire({ session: 'session-2' }),
      await acquire({}, leases, backendOf({ name: 'other' })),
      await acquire({}, leases, backendOf({ hash: 'changed' })),
    ].map(({ lease }) => lease?.id);
    expect(new Set(ids).size).toBe(5);
  });

  test('ends with its session: calls stop, the role goes, and the log says so', async () => {
    const hold = await acquire();
    const other = await acquire({ session: 'session-2' });
    await leases.endSession('session-1', 'session');
    expect(hold.lease?.ended.aborted).toBe(true);
    expect(other.lease?.ended.aborted).toBe(false);
    expect(await roles()).toHaveLength(1);
    expect((await entries()).at(-1)).toMatchObject({ type: 'lease.revoked', lease: hold.lease?.id, reason: 'session' });
    expect((await openRows()).map(({ id }) => id)).toEqual([other.lease?.id]);
  });

  test('ends at its ttl, without anybody asking', async () => {
    const hold = await acquire({}, leases, backendOf({ ttlMs: 300 }));
    await delay(150);
    expect(await roles()).toHaveLength(1);
    await delay(1_000);
    expect(await roles()).toEqual([]);
    expect(hold.lease?.ended.aborted).toBe(true);
    expect((await entries()).at(-1)).toMatchObject({ type: 'lease.expired', reason: 'ttl' });
  });

  test('never outlives the token it was asked with', async () => {
    const expiresAt = Date.now() + 20_000;
    const { lease } = await acquire({ principal: principalOf('robot', expiresAt) });
    expect(lease?.expiresAt).toBe(expiresAt);
    await expect(acquire({ principal: principalOf('late', Date.now() - 1) })).rejects.toBeInstanceOf(CredentialError);
  });

  test('under a grant is of that grant alone, and ends with its time, not later', async () => {
    const { grant } = grantOf(Date.now() + 400);
    const without = await acquire();
    const under = await acquire({ grant });
    expect(under.lease?.id).not.toBe(without.lease?.id);
    expect((await acquire({ grant })).lease?.id).toBe(under.lease?.id);
    expect(under.lease?.expiresAt).toBe(grant.expiresAt);
    await delay(1_000);
    expect(under.lease?.ended.aborted).toBe(true);
    expect(without.lease?.ended.aborted).toBe(false);
    expect(await roles()).toHaveLength(1);
    await expect(acquire({ grant })).rejects.toBeInstanceOf(CredentialError);
  });

  test('under a grant ends when that is revoked, and stops its calls', async () => {
    const { grant, over, revoked } = grantOf();
    const hold = await acquire({ grant });
    revoked.abort();
    over.abort();
    expect(hold.lease?.ended.aborted).toBe(true);
    await expect.poll(roles).toEqual([]);
    await expect.poll(async () => (await entries()).at(-1)).toMatchObject({ type: 'lease.revoked', reason: 'grant' });
  });

  test('under a grant that is used up ends with the last call that runs', async () => {
    const { grant, over } = grantOf();
    const hold = await acquire({ grant });
    over.abort();
    expect(hold.lease?.ended.aborted).toBe(false);
    // A last call, whose intent was written before the grant was used up.
    const last = await acquire({ grant });
    expect(last.lease?.id).not.toBe(hold.lease?.id);
    await hold[Symbol.asyncDispose]();
    await last[Symbol.asyncDispose]();
    expect(await roles()).toEqual([]);
  });

  test('is replaced by a new one when little of it is left, and ends when its last call has', async () => {
    const first = await acquire();
    clock.ahead += 50_000;
    const second = await acquire();
    expect(second.lease?.id).not.toBe(first.lease?.id);
    expect(await roles()).toHaveLength(2);
    expect(first.lease?.ended.aborted).toBe(false);
    await first[Symbol.asyncDispose]();
    expect(first.lease?.ended.aborted).toBe(true);
    expect(await roles()).toHaveLength(1);
  });

  test('is not replaced where a new one would not live longer', async () => {
    const principal = principalOf('robot', Date.now() + 60_000);
    const at = backendOf({ ttlMs: 3_600_000 });
    const first = await acquire({ principal }, leases, at);
    clock.ahead += 55_000;
    expect((await acquire({ principal }, leases, at)).lease?.id).toBe(first.lease?.id);
  });

  test('ends after fifteen minutes without a call', async () => {
    const hold = await acquire({}, leases, backendOf({ ttlMs: 3_600_000 }));
    clock.ahead += 16 * 60_000;
    await leases.sweep();
    expect(hold.lease?.ended.aborted).toBe(false);
    await hold[Symbol.asyncDispose]();
    clock.ahead += 16 * 60_000;
    await leases.sweep();
    expect(hold.lease?.ended.aborted).toBe(true);
    expect((await entries()).at(-1)).toMatchObject({ type: 'lease.revoked', reason: 'session' });
  });
});

describe('an invocation’s lease', () => {
  test('is for one call, and ends with it', async () => {
    backend = backendOf({ scope: 'invocation' });
    const [first, second] = await Promise.all([acquire(), acquire()]);
    expect(first.lease?.id).not.toBe(second.lease?.id);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    expect(await roles()).toHaveLength(1);
    expect((await entries()).at(-1)).toMatchObject({
      type: 'lease.revoked',
      lease: first.lease?.id,
      reason: 'invocation',
    });
  });
});

describe('a principal', () => {
  test('holds at most sixteen leases that are in use', async () => {
    backend = backendOf({ scope: 'invocation' });
    const holds = await Promise.all(Array.from({ length: 16 }, () => acquire()));
    await expect(acquire()).rejects.toMatchObject({ code: 'too_many_leases' });
    await acquire({ principal: principalOf('other') });
    await holds[0]?.[Symbol.asyncDispose]();
    await acquire();
  });

  test('gives up the lease it has not used for longest, where it can', async () => {
    for (let n = 0; n < 16; n += 1) {
      await (await acquire({ session: `session-${String(n)}` }))[Symbol.asyncDispose]();
      clock.ahead += 1;
    }
    const first = (await openRows())[0]?.id;
    await acquire({ session: 'session-16' });
    await delay(300);
    expect(await roles()).toHaveLength(16);
    expect((await openRows()).map(({ id }) => id)).not.toContain(first);
  });
});

describe('a lease is on record', () => {
  test('before its role exists', async () => {
    let recorded: readonly unknown[] = [];
    const watching: CredentialProvider = {
      ...shop.provider,
      issue: async (options, plan, reference, signal) => {
        recorded = await openRows();
        expect(recorded).toMatchObject([{ id: plan.id, reference }]);
        return shop.provider.issue(options as never, plan, reference, signal);
      },
    };
    const own = open({ providers: [watching] });
    await acquire({}, own);
    expect(recorded).toHaveLength(1);
    await own[Symbol.asyncDispose]();
  });

  test('or there is no role', async () => {
    const failing: Log = { ...log, append: () => Promise.reject(new StoreError('disk full')) };
    const own = open({ log: failing });
    await expect(acquire({}, own)).rejects.toBeInstanceOf(StoreError);
    expect(await roles()).toEqual([]);
    expect(await openRows()).toEqual([]);
    await own[Symbol.asyncDispose]();
  });

  test('and a role that could not be made leaves a closed record and no open door', async () => {
    const options = { ...shop.options, memberOf: ['no_such_role'] };
    await expect(acquire({}, leases, backendOf({ options }))).rejects.toMatchObject({
      code: 'credential_unavailable',
      detail: expect.stringContaining('no_such_role') as string,
    });
    await delay(200);
    expect(await openRows()).toEqual([]);
    expect((await entries()).map(({ type, reason }) => [type, reason])).toEqual([
      ['lease.issued', undefined],
      ['lease.revoked', 'failed'],
    ]);
  });

  test('without its secret', async () => {
    const { lease } = await acquire();
    const secret = (lease?.credential['password'] as { reveal(): string }).reveal();
    const bytes = JSON.stringify([await entries(), await openRows(), said]);
    expect(bytes).not.toContain(secret);
    expect(bytes).not.toContain('SCRAM');
  });
});

describe('a caller that goes away', () => {
  test('does not take the lease with it from those who wait for it too', async () => {
    const controller = new AbortController();
    const [first, second] = [leases.acquire(await intentOf(), backend, controller.signal), acquire()];
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect((await second).lease?.ended.aborted).toBe(false);
  });
});

describe('the sweep', () => {
  test('ends what a broker left that fell silent, and nothing of one that lives', async () => {
    const beat = (id: string, at: number) =>
      store.commit({
        statements: [
          { sql: 'insert into brokers (id, started_at, heartbeat_at) values (?, ?, ?)', parameters: [id, at, at] },
        ],
      });
    await beat('broker-dead', clock.now() - 61_000);
    await beat('broker-alive', clock.now());
    const [dead, alive] = [open({ broker: 'broker-dead' }), open({ broker: 'broker-alive' })];
    const left = await acquire({}, dead);
    const kept = await acquire({}, alive);
    expect(await roles()).toHaveLength(2);
    await leases.sweep();
    expect((await openRows()).map(({ id }) => id)).toEqual([kept.lease?.id]);
    expect(await roles()).toHaveLength(1);
    expect((await entries()).at(-1)).toMatchObject({ type: 'lease.revoked', lease: left.lease?.id, reason: 'sweep' });
    await dead[Symbol.asyncDispose]();
    await alive[Symbol.asyncDispose]();
    expect(
      (await entries()).filter(({ lease, type }) => lease === left.lease?.id && type !== 'lease.issued'),
    ).toHaveLength(1);
  });

  test('tries again what could not be revoked, until it is', async () => {
    let down = true;
    const flaky: CredentialProvider = {
      ...shop.provider,
      revoke: (options, reference) =>
        down
          ? Promise.reject(new CredentialError('credential_unavailable', 'down'))
          : shop.provider.revoke(options as never, reference),
    };
    const own = open({ providers: [flaky] });
    await acquire({}, own);
    await own.endSession('session-1', 'session');
    expect(await openRows()).toHaveLength(1);
    await own.sweep();
    expect(await openRows()).toHaveLength(1);
    expect(said.join()).toContain('could not be swept');
    down = false;
    await own.sweep();
    expect(await openRows()).toEqual([]);
    expect(await roles()).toEqual([]);
    await own[Symbol.asyncDispose]();
  });

  test('ends what an operator took back from a broker that died a moment ago', async () => {
    await using dying = open({ broker: 'broker-b' });
    const hold = await acquire({}, dying);
    const records = createSwitchRecords(store);
    using gate = await openSwitchGate({ records, leases, clock, logger });
    const person = { issuer: 'https://issuer.example', subject: 'paula', name: 'Paula' };
    await store.commit({ statements: records.recall(hold.lease!.id, Date.now(), person) });
    await gate.look();
    // Its own broker, where it lives, has a moment to do that first.
    expect(await roles()).toHaveLength(1);
    await expect.poll(roles, { timeout: 10_000 }).toEqual([]);
    await expect.poll(entries).toMatchObject([{ type: 'lease.issued' }, { type: 'lease.revoked', reason: 'operator' }]);
  });

  test('says so where no policy file tells how a lease is ended any more', async () => {
    const own = open({ broker: 'broker-gone' });
    await acquire({}, own, backendOf({ name: 'removed' }));
    await leases.sweep();
    expect(said.join()).toContain('no policy file declares its backend');
    const once = (await entries()).filter(({ type }) => type === 'lease.stranded');
    expect(once).toMatchObject([{ lease: (await openRows())[0]?.id, reference: (await roles())[0] }]);
    said.length = 0;
    await leases.sweep();
    expect(said).toEqual([]);
    expect((await entries()).filter(({ type }) => type === 'lease.stranded')).toEqual(once);
    // Declared again, it is ended as any other.
    backend = backendOf({ name: 'removed' });
    await leases.sweep();
    expect(await openRows()).toEqual([]);
    expect(await roles()).toEqual([]);
    await own[Symbol.asyncDispose]();
  });

  test('finds roles that no record tells of', async () => {
    const orphan = `${shop.prefix}orphan`;
    await shop.database.query(
      `create role ${orphan} login valid until '2020-01-01'; grant ${orphan} to admin_${shop.database.name} with admin option`,
    );
    await leases.sweep();
    expect(await roles()).toEqual([]);
  });
});

test('a backend without a credential gets no lease', async () => {
  const hold = await acquire({}, leases, { ...backend, credential: undefined });
  expect(hold.lease).toBeUndefined();
  await hold[Symbol.asyncDispose]();
});
