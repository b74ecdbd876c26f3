// Credentials that end by themselves, can be renewed, or cannot be revoked: what becomes of their leases.
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { expect, test, vi } from 'vitest';
import type { CredentialProvider, IssuedCredential, LeaseRequest } from '../../../src/core/credential.ts';
import { CredentialError, StoreError } from '../../../src/core/errors.ts';
import type { Log } from '../../../src/core/log.ts';
import { openLeaseBench } from '../../support/lease-bench.ts';

/** A provider whose credentials a test makes. */
function providerOf(
  issue: (lease: LeaseRequest) => IssuedCredential | Promise<IssuedCredential>,
  revoke?: (reference: string) => Promise<void>,
): CredentialProvider {
  return {
    kind: 'made',
    options: z.strictObject({}),
    reference: ({ id }) => `first-${id}`,
    issue: async (_, lease) => issue(lease),
    ...(revoke && { revoke: (_: unknown, reference: string) => revoke(reference) }),
    examine: () => Promise.resolve(),
  };
}

const inMs = (ms: number): number => Date.now() + ms;

test('a lease ends with a credential that cannot be renewed, and another takes over before', async () => {
  await using bench = await openLeaseBench(
    providerOf(() => ({ fields: {}, endsAt: inMs(1_000), revoke: () => Promise.resolve(true) })),
    { options: {} },
  );
  const first = await bench.acquire();
  expect(first.lease!.expiresAt).toBeLessThan(inMs(1_001));
  await delay(850);
  expect((await bench.acquire()).lease?.id).not.toBe(first.lease?.id);
  await vi.waitFor(() => expect(first.lease!.ended.aborted).toBe(true), 5_000);
  await vi.waitFor(async () =>
    expect(await bench.entries()).toContainEqual(
      expect.objectContaining({ lease: first.lease?.id, type: 'lease.expired' }),
    ),
  );
});

test('a credential is renewed until its lease ends, and no longer', async () => {
  const ends: number[] = [];
  const renew = async (): Promise<number> => {
    ends.push(inMs(1_500));
    return ends.at(-1)!;
  };
  await using bench = await openLeaseBench(
    providerOf(
      () => ({ fields: {}, endsAt: inMs(1_500), renew }),
      () => Promise.resolve(),
    ),
    { options: {}, ttlMs: 3_000 },
  );
  const { lease } = await bench.acquire();
  await vi.waitFor(async () => expect((await bench.open())[0]?.endsAt).toBe(ends[0]), 5_000);
  await vi.waitFor(() => expect(lease!.ended.aborted).toBe(true), 5_000);
  expect(Date.now()).toBeGreaterThanOrEqual(lease!.expiresAt);
  expect(ends.slice(0, -1).filter((end) => end >= lease!.expiresAt)).toEqual([]);
});

test('a credential that is not renewed in time takes its lease along, and the operator hears why', async () => {
  const renew = (): Promise<number> => Promise.reject(new CredentialError('credential_unavailable', 'sealed'));
  await using bench = await openLeaseBench(
    providerOf(
      () => ({ fields: {}, endsAt: inMs(700), renew }),
      () => Promise.resolve(),
    ),
    { options: {} },
  );
  const { lease } = await bench.acquire();
  await vi.waitFor(() => expect(lease!.ended.aborted).toBe(true), 5_000);
  expect(bench.said.join()).toContain('sealed');
  await vi.waitFor(async () =>
    expect((await bench.entries()).at(-1)).toMatchObject({ type: 'lease.expired', reason: 'ttl' }),
  );
});

test('what a credential turned out to be called is what is revoked, by whoever does it', async () => {
  const revoked: string[] = [];
  const provider = providerOf(
    async (lease) => {
      await lease.named(`real-${lease.id}`, inMs(60_000));
      return { fields: {}, endsAt: inMs(60_000) };
    },
    async (reference) => void revoked.push(reference),
  );
  await using bench = await openLeaseBench(provider, { options: {} });
  const { lease } = await bench.acquire();
  expect(await bench.open()).toMatchObject([{ reference: `real-${lease!.id}` }]);
  await bench.leases.endAll('session');
  expect(revoked).toEqual([`real-${lease!.id}`]);
  expect((await bench.entries()).at(-1)).toMatchObject({ type: 'lease.revoked', reference: `real-${lease!.id}` });

  const died = bench.another('broker-dead');
  const left = await bench.acquire({ from: died });
  await bench.leases.sweep();
  expect(revoked.at(-1)).toBe(`real-${left.lease!.id}`);
});

test.each([
  ['has ended already', Date.now() - 1, (log: Log) => log],
  ['ends at no time', Number.NaN, (log: Log) => log],
  ['could not be put on record as what it is', Date.now() + 60_000, deafToStatements],
])('a credential that %s is not used, and is revoked', async (_, endsAt, log) => {
  let revoked = 0;
  const provider = providerOf(() => ({ fields: {}, endsAt, revoke: async () => Boolean((revoked += 1)) }));
  await using bench = await openLeaseBench(provider, { options: {}, log });
  await expect(bench.acquire()).rejects.toThrow();
  await vi.waitFor(async () => expect(await bench.open()).toEqual([]));
  expect(revoked).toBe(1);
});

/** A store that fails for what has no entry with it. */
function deafToStatements(log: Log): Log {
  const full = (): Promise<never> => Promise.reject(new StoreError('disk full'));
  return { ...log, append: (entries, more) => (entries.length === 0 ? full() : log.append(entries, more)) };
}

test('a credential that nobody can revoke is said to remain, and until when', async () => {
  const endsAt = inMs(3_600_000);
  const provider = providerOf(() => ({ fields: {}, endsAt, revoke: () => Promise.resolve(false) }));
  await using bench = await openLeaseBench(provider, { options: {} });
  await bench.acquire();
  await bench.leases.endAll('session');
  expect((await bench.entries()).at(-1)).toMatchObject({
    type: 'lease.revoked',
    validUntil: new Date(endsAt).toISOString(),
  });
});

test('after a crash, a credential whose secret died with its broker is left to end, and closed then', async () => {
  const provider = providerOf(() => ({ fields: {}, endsAt: inMs(800), revoke: () => Promise.resolve(true) }));
  await using bench = await openLeaseBench(provider, { options: {} });
  await using died = bench.another('broker-dead');
  const { lease } = await bench.acquire({ from: died });
  await bench.leases.sweep();
  expect(await bench.open()).toHaveLength(1);
  expect(bench.said).toEqual([]);
  await delay(900);
  await bench.leases.sweep();
  expect(await bench.open()).toEqual([]);
  expect((await bench.entries()).at(-1)).toMatchObject({ type: 'lease.expired', lease: lease!.id });
});

test('a credential whose revocation fails is left to end, and closed then', async () => {
  const fails = (): Promise<never> => Promise.reject(new CredentialError('credential_unavailable', 'issuer is down'));
  const provider = providerOf(() => ({ fields: {}, endsAt: inMs(600), revoke: fails }));
  await using bench = await openLeaseBench(provider, { options: {} });
  await bench.acquire();
  await bench.leases.endAll('session');
  expect(bench.said.join()).toMatch(/issuer is down.*it ends by itself/);
  expect(await bench.open()).toHaveLength(1);
  await delay(700);
  await bench.leases.sweep();
  expect(await bench.open()).toEqual([]);
});
