// The demo says "as it should be" only when it was: each way in which it could not be is found.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AgentRun } from '../../../src/demo/agent-run.ts';
import { checkCalls, checkDatabase, checkMasks, checkRemains } from '../../../src/demo/checks.ts';
import type { Check } from '../../../src/demo/checks.ts';
import { followCall } from '../../../src/demo/followed-call.ts';
import type { LoggedEntry } from '../../../src/demo/followed-call.ts';
import type { ShopWitness } from '../../../src/demo/shop-witness-postgres.ts';
import type { Expected } from '../../../src/demo/story.ts';

const CUSTOMER = 'ada@example.com';
const TOKEN = `tok_email_${'a'.repeat(26)}`;
const SECRET = '4242424242424242';
const principal = { issuer: 'https://issuer.example', subject: 'agent', actor: 'agent' };
const about = { invocation: 'i-1', session: 's-1', principal, policy: 'p', time: '2026-01-01T00:00:00.000Z' };
const lease = { lease: 'l-1', backend: 'shop', reference: 'sallyport_role', session: 's-1', principal };

function decided(effect: 'allow' | 'deny', rule: string) {
  return { effect, reason: 'rule_matched', rules: [rule] } as const;
}

/** A log in which all is as it should be. */
const LOG: readonly LoggedEntry[] = [
  {
    ...about,
    seq: 1,
    tool: 'find_customer',
    type: 'intent',
    backend: 'shop',
    digest: 'd',
    decision: decided('allow', 'look-up'),
  },
  { ...about, ...lease, seq: 2, type: 'lease.issued', provider: 'postgres-role', expires: '2026-01-01T00:05:00.000Z' },
  {
    ...about,
    seq: 3,
    tool: 'find_customer',
    type: 'outcome',
    backend: 'shop',
    outcome: 'succeeded',
    lease: 'l-1',
    doors: {},
  },
  { ...about, seq: 4, tool: 'refund_order', type: 'refused', code: 'denied', decision: decided('deny', 'no-refunds') },
  { ...about, ...lease, seq: 5, type: 'lease.revoked', reason: 'shutdown' },
];
const EXPECTED: readonly Expected[] = [
  { tool: 'find_customer', effect: 'allow', rule: 'look-up' },
  { tool: 'refund_order', effect: 'deny', rule: 'no-refunds' },
];

function runOf(log: readonly LoggedEntry[], more: Partial<AgentRun> = {}): AgentRun {
  const shown = `{"rows":[{"card_number":"************4242","email":"${TOKEN}"}]}`;
  const calls = [...EXPECTED.map(({ tool }) => tool), 'send_receipt'].map((tool) =>
    followCall({ tool, arguments: tool === 'send_receipt' ? `{"email":"${TOKEN}"}` : '{}', shown }, log, log),
  );
  return { calls, seen: shown, said: 'done', ...more };
}

function without(seq: number): readonly LoggedEntry[] {
  return LOG.filter((entry) => entry.seq !== seq);
}

function changed(seq: number, more: object): readonly LoggedEntry[] {
  return LOG.map((entry) => (entry.seq === seq ? { ...entry, ...more } : entry));
}

function problems(checks: readonly Check[]): string {
  return checks.flatMap(({ problem }) => problem ?? []).join('; ');
}

class Shop implements ShopWitness {
  readonly #roles: ReadonlyMap<string, number>;
  readonly #refunds: number;
  readonly #receipts: readonly string[];
  constructor(roles: Readonly<Record<string, number>>, refunds = 0, receipts: readonly string[] = []) {
    this.#receipts = receipts;
    this.#roles = new Map(Object.entries(roles));
    this.#refunds = refunds;
  }
  secrets = (): Promise<string[]> => Promise.resolve([SECRET]);
  receipts = (): Promise<readonly string[]> => Promise.resolve(this.#receipts);
  refunds = (): Promise<number> => Promise.resolve(this.#refunds);
  roles = (names: readonly string[]): Promise<ReadonlyMap<string, number>> =>
    Promise.resolve(new Map([...this.#roles].filter(([name]) => names.includes(name))));
}

describe('the calls', () => {
  test('are as they should be', () => {
    expect(problems(checkCalls(runOf(LOG), EXPECTED))).toBe('');
  });

  test.each<[string, AgentRun, RegExp]>([
    ['a call was not made', runOf(LOG, { calls: runOf(LOG).calls.slice(0, 1) }), /did not call it/],
    ['another rule decided', runOf(changed(1, { decision: decided('allow', 'other') })), /decided so: .*other/],
    ['what should be denied was not', runOf(without(4)), /decided so: \[null\]/],
    [
      'a denied call has an intent',
      runOf([
        ...LOG,
        { ...LOG[0], seq: 9, tool: 'refund_order', decision: decided('deny', 'no-refunds') } as LoggedEntry,
      ]),
      /intent was written all the same/,
    ],
    ['there is no outcome', runOf(without(3)), /outcome is undefined/],
    [
      'what should be allowed was denied',
      runOf(changed(1, { decision: decided('deny', 'look-up') })),
      /decision was deny/,
    ],
    ['the call failed', runOf(changed(3, { outcome: 'failed' })), /outcome is .*failed/],
    ['the outcome stands first', runOf(changed(3, { seq: 0 })), /before the intent/],
  ])('are found out when %s', (_, run, expected) => {
    expect(problems(checkCalls(run, EXPECTED))).toMatch(expected);
  });
});

describe('the masks', () => {
  test('are as they should be', () => {
    expect(problems(checkMasks(runOf(LOG), [SECRET]))).toBe('');
  });

  test.each<[string, Partial<AgentRun>, RegExp]>([
    ['a raw value was given to the model', { seen: `{"card_number":"${SECRET}"}` }, /1 did/],
    ['a raw value was said by the agent', { said: `your card ${SECRET}` }, /1 did/],
    ['the card number was not there at all', { calls: [] }, /it saw/],
    ['no token was passed on', { calls: runOf(LOG).calls.filter(({ tool }) => tool !== 'send_receipt') }, /and sent $/],
  ])('are found out when %s', (_, more, expected) => {
    expect(problems(checkMasks(runOf(LOG, more), [SECRET]))).toMatch(expected);
  });
});

describe('the database', () => {
  test.each<[string, Record<string, number>, number, string]>([
    ['has the role of the lease, with a session, and both refunds', { sallyport_role: 1 }, 2, ''],
    ['is found out when the role is not there', { postgres: 3 }, 2, '0 roles with 0 sessions'],
    ['is found out when nobody is logged in with it', { sallyport_role: 0 }, 2, '1 roles with 0 sessions'],
    ['is found out when nothing was refunded', { sallyport_role: 1 }, 0, '0 are'],
    ['is found out when what needed approval did not happen', { sallyport_role: 1 }, 1, '1 are'],
    ['is found out when more was refunded', { sallyport_role: 1 }, 3, '3 are'],
  ])('%s', async (_, roles, refunds, expected) => {
    expect(problems(await checkDatabase(LOG, new Shop(roles, refunds, [CUSTOMER]), CUSTOMER))).toBe(expected);
  });

  test.each<[string, readonly string[], RegExp]>([
    ['no receipt was asked for', [], /it got \[\]/],
    ['the token itself arrived', [TOKEN], /it got .*tok_email/],
    ['more than one was', [CUSTOMER, CUSTOMER], /it got/],
  ])('is found out when %s', async (_, receipts, expected) => {
    const shop = new Shop({ sallyport_role: 1 }, 2, receipts);
    expect(problems(await checkDatabase(LOG, shop, CUSTOMER))).toMatch(expected);
  });
});

describe('what remains', () => {
  async function remains(log: readonly LoggedEntry[], shop: ShopWitness, file = 'nothing'): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-checks-'));
    try {
      await writeFile(join(directory, 'sallyport.db'), file);
      return problems(await checkRemains(log, shop, directory, [SECRET]));
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  test('is nothing', async () => {
    expect(await remains(LOG, new Shop({}))).toBe('');
  });

  test.each<[string, readonly LoggedEntry[], ShopWitness, string, RegExp]>([
    ['a role', LOG, new Shop({ sallyport_role: 0 }), '', /left: sallyport_role/],
    ['a lease without an end', without(5), new Shop({}), '', /no entry says that l-1 ended/],
    ['a raw value in a file', LOG, new Shop({}), `row ${SECRET}`, /found in .*sallyport.db/],
    [
      'a token in a file',
      LOG,
      new Shop({}),
      `eyJhbGciOiJSUzI1NiIsInR5cCI6.eyJzdWIiOiJhZ2VudCIsImlzcyI6.c2ln`,
      /found in/,
    ],
  ])('is found out when it is %s', async (_, log, shop, file, expected) => {
    expect(await remains(log, shop, file)).toMatch(expected);
  });
});
