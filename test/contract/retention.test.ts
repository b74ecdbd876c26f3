// Retention rules, over a real store and a clock that the test sets.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import type { Keys } from '../../src/core/keys.ts';
import type { Store } from '../../src/core/store.ts';
import { createErasures, type Erasures, type RetentionRule } from '../../src/log/erasures.ts';
import { createLog } from '../../src/log/log.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { payloadRecords, storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const principal = { issuer: 'https://issuer.example', subject: 'ann', actor: 'agent' };
const decision = { effect: 'allow', reason: 'rule_matched', rules: ['r'] } as const;
const rules: readonly RetentionRule[] = [
  { name: 'contacts', after: '7d', afterMs: 7 * DAY_MS, tools: ['find_customer'], types: ['outcome'] },
  { name: 'everything', after: '90d', afterMs: 90 * DAY_MS },
];

let directory: string;
let keys: Keys;
let store: Store;
let erasures: Erasures;
let now = START;
const clock: Clock = { now: () => now, monotonic: () => performance.now() };

async function call(tool: string): Promise<void> {
  const of = { invocation: `i-${now}`, session: 's', principal, tool, policy: 'p', backend: 'b' };
  await createLog({ store, broker: 'b' }).append([
    { body: { ...of, type: 'intent', digest: 'd', decision }, payloads: { arguments: { a: 1 } } },
    { body: { ...of, type: 'outcome', outcome: 'succeeded', doors: {} }, payloads: { result: { a: 1 } } },
  ]);
}

const kept = async (): Promise<number[]> => (await payloadRecords(store).after(0, 100)).map(({ seq }) => seq);
const erasedEntries = async () =>
  (await storeLogSource(store).entries({ type: 'payload.erased' }, 100)).map(({ text }) => JSON.parse(text));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-retention-'));
  keys = await loadKeys(join(directory, 'keys'));
  store = await openSqliteStore({ file: join(directory, 'sallyport.db'), keys, clock });
  const log = createLog({ store, broker: 'b' });
  erasures = createErasures({ log, payloads: payloadRecords(store), rules, clock });
  await call('find_customer');
  now += DAY_MS;
  await call('refund_order');
  // A clock that was set back: what is written now seems older than what stands before it.
  now -= DAY_MS / 2;
  await call('find_customer');
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

describe('retention rules', () => {
  test('erase what is too old, of their tools and types alone, and say so in the log', async () => {
    now = START + 6 * DAY_MS;
    expect(await erasures.retain()).toBe(0);
    now = START + 7 * DAY_MS + 1;
    expect(await erasures.retain()).toBe(1);
    expect(await kept()).toEqual([1, 3, 4, 5, 6]);
    expect(await erasedEntries()).toMatchObject([{ entries: [2], reason: 'retention rule contacts: older than 7d' }]);
    expect((await erasedEntries())[0]).not.toHaveProperty('person');
    now = START + 7.6 * DAY_MS;
    expect(await erasures.retain()).toBe(1);
    expect(await kept()).toEqual([1, 3, 4, 5]);
    now = START + 200 * DAY_MS;
    expect(await erasures.retain()).toBe(4);
    expect(await kept()).toEqual([]);
    const found = await verifyLog(storeLogCopy(store), { verifiers: [], payloadKeys: keys.payload, now });
    expect(found).toMatchObject({ findings: [], payloads: { checked: 0, erased: 6 } });
  });

  test('can be followed before their turn, at the word of a person, who is named', async () => {
    await call('refund_order');
    const ann = { issuer: 'https://issuer.example', subject: 'ann', name: 'Ann', groups: [] };
    expect(await erasures.erase(ann, { retention: 'everythin', reason: 'x' })).toBe('unknown_rule');
    expect(await erasures.erase(ann, { retention: 'everything', reason: 'audit' })).toBe(0);
    now += 91 * DAY_MS;
    expect(await erasures.erase(ann, { retention: 'everything', reason: 'audit' })).toBe(2);
    expect((await erasedEntries()).at(-1)).toMatchObject({
      reason: 'retention rule everything: older than 90d; audit',
      person: { subject: 'ann' },
    });
  });

  test('may be followed by several brokers at once', async () => {
    for (let count = 0; count < 20; count++) await call('refund_order');
    now += 91 * DAY_MS;
    const others = Array.from({ length: 3 }, () =>
      createErasures({ log: createLog({ store, broker: 'c' }), payloads: payloadRecords(store), rules, clock }),
    );
    const counts = await Promise.all(others.map((one) => one.retain()));
    expect(counts.reduce((sum, count) => sum + count)).toBe(40);
    expect(await kept()).toEqual([]);
  });
});
