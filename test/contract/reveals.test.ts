// Showing a person what a token stands for: on a real store, with every way in which nothing is shown.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Person } from '../../src/core/approval.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { Keys } from '../../src/core/keys.ts';
import { REVEAL_REQUEST_MS, TOKEN_LIFE_MS } from '../../src/core/limits.ts';
import type { Log } from '../../src/core/log.ts';
import type { Store } from '../../src/core/store.ts';
import { createLog } from '../../src/log/log.ts';
import { createReveals, type Reveals } from '../../src/masking/reveals.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { createRevealRecords } from '../../src/store/reveal-records.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { createTokenVault } from '../../src/store/token-records.ts';

const VALUE = 'ada@example.com';
const REASON = 'a complaint';
const someone = (subject: string): Person => ({ issuer: 'https://id.example', subject, name: subject, groups: [] });
const [RITA, SAM, TIM] = ['rita', 'sam', 'tim'].map(someone) as [Person, Person, Person];

let directory: string;
let keys: Keys;
let store: Store;
let now: number;
let token: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-reveals-'));
  keys = await loadKeys(join(directory, 'keys'));
  store = await openSqliteStore({ file: join(directory, 'store.db'), keys });
  now = Date.UTC(2026, 0, 1);
  const issued = vault().issue('an agent');
  token = issued.tokenFor('email', VALUE);
  await store.commit({ statements: issued.statements() });
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const clock = { now: () => now, monotonic: () => now };

function vault() {
  return createTokenVault({ store, clock, derivation: keys.tokenDerivation, sealing: keys.tokenSealing });
}

function reveals(secondPerson: boolean, log: Log = createLog({ store, broker: 'broker' })): Reveals {
  return createReveals({ vault: vault(), records: createRevealRecords(store), log, clock, secondPerson });
}

async function requested(of: Reveals, by = RITA): Promise<string> {
  const answer = await of.reveal(by, token, REASON);
  if (!('request' in answer)) throw new Error('this should take two');
  expect(answer.expiresAt).toBe(now + REVEAL_REQUEST_MS);
  return answer.request;
}

async function entries(): Promise<Record<string, unknown>[]> {
  const rows = await store.query<{ body: string }>({ sql: 'select body from entries order by seq', parameters: [] });
  expect(JSON.stringify(rows)).not.toContain(VALUE);
  return rows.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

const unwritable: Log = {
  append: () => Promise.reject(new StoreError('the disk is full')),
  intent: () => Promise.reject(new StoreError('the disk is full')),
};

describe('where one person is enough', () => {
  test('the value is shown, whoever was given the token, and the log says to whom and why', async () => {
    expect(await reveals(false).reveal(RITA, token, REASON)).toEqual({ value: VALUE });
    const { issuer, subject, name } = RITA;
    expect(await entries()).toEqual([
      expect.objectContaining({ type: 'token.revealed', token, person: { issuer, subject, name }, reason: REASON }),
    ]);
  });

  test('nothing is shown that could not be written down', async () => {
    await expect(reveals(false, unwritable).reveal(RITA, token, REASON)).rejects.toThrow(StoreError);
  });

  test('nothing is shown of a token that was never given, or is too old', async () => {
    const of = reveals(false);
    const never = `tok_email_${'a'.repeat(26)}`;
    expect(await of.reveal(RITA, never, REASON)).toEqual({ refused: 'unknown_token' });
    expect(await of.reveal(RITA, VALUE, REASON)).toEqual({ refused: 'unknown_token' });
    now += TOKEN_LIFE_MS;
    expect(await of.reveal(RITA, token, REASON)).toEqual({ refused: 'expired_token' });
    expect(await entries()).toEqual([]);
  });
});

describe('where it takes two people', () => {
  test('the value is shown once, to whoever asked, after somebody else has agreed', async () => {
    const of = reveals(true);
    const request = await requested(of);
    expect(await of.collect(RITA, request)).toEqual({ refused: 'not_approved' });
    expect(await of.approve(SAM, request)).toBe('approved');
    expect(await of.approve(TIM, request)).toBe('already_approved');
    expect(await of.collect(SAM, request)).toEqual({ refused: 'not_your_request' });
    expect(await of.collect(RITA, request)).toEqual({ value: VALUE });
    expect(await of.collect(RITA, request)).toEqual({ refused: 'unknown_request' });
    expect(await entries()).toMatchObject([
      { type: 'token.requested', request, token, person: { subject: 'rita' }, reason: REASON },
      { type: 'token.approved', request, token, person: { subject: 'sam' } },
      { type: 'token.revealed', request, token, person: { subject: 'rita' }, approver: { subject: 'sam' } },
    ]);
  });

  test('nobody agrees to their own request', async () => {
    const of = reveals(true);
    const request = await requested(of);
    expect(await of.approve(RITA, request)).toBe('own_request');
    expect(await of.collect(RITA, request)).toEqual({ refused: 'not_approved' });
  });

  test('a request that is unknown, or too old, shows nothing', async () => {
    const of = reveals(true);
    expect(await of.approve(SAM, 'no-such')).toBe('unknown_request');
    expect(await of.collect(RITA, 'no-such')).toEqual({ refused: 'unknown_request' });
    const request = await requested(of);
    await of.approve(SAM, request);
    now += REVEAL_REQUEST_MS;
    expect(await of.approve(SAM, request)).toBe('unknown_request');
    expect(await of.collect(RITA, request)).toEqual({ refused: 'unknown_request' });
    await requested(of);
    const rows = await store.query({ sql: 'select id from reveals', parameters: [] });
    expect(rows).toHaveLength(1);
  });

  test('two who collect at once, or agree at once, do not both succeed', async () => {
    const of = reveals(true);
    const request = await requested(of);
    const agreed = await Promise.all([of.approve(SAM, request), of.approve(TIM, request)]);
    expect(agreed.toSorted()).toEqual(['already_approved', 'approved']);
    const collected = await Promise.all([of.collect(RITA, request), of.collect(RITA, request)]);
    expect(collected.filter((answer) => 'value' in answer)).toHaveLength(1);
    expect((await entries()).filter(({ type }) => type === 'token.revealed')).toHaveLength(1);
  });

  test('nothing happens that could not be written down', async () => {
    const of = reveals(true);
    const request = await requested(of);
    const mute = reveals(true, unwritable);
    await expect(mute.reveal(RITA, token, REASON)).rejects.toThrow(StoreError);
    await expect(mute.approve(SAM, request)).rejects.toThrow(StoreError);
    expect(await of.collect(RITA, request)).toEqual({ refused: 'not_approved' });
    await of.approve(SAM, request);
    await expect(mute.collect(RITA, request)).rejects.toThrow(StoreError);
    expect(await of.collect(RITA, request)).toEqual({ value: VALUE });
  });
});
