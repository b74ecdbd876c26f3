// Tokens on a real store: equal values give equal tokens, only who was given one can use it, and nobody can swap values.
import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WithheldError } from '../../src/core/errors.ts';
import type { Keys } from '../../src/core/keys.ts';
import { MAX_TOKENS_PER_RESULT, TOKEN_LIFE_MS, TOKEN_RENEWAL_MS } from '../../src/core/limits.ts';
import type { Store } from '../../src/core/store.ts';
import type { TokenVault } from '../../src/core/token-vault.ts';
import { classOfToken } from '../../src/core/value-token.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { createTokenVault, expiredTokens } from '../../src/store/token-records.ts';

const ADA = 'ada@example.com';
const AGENT = '["https://id.example","ada","agent"]';
const OTHER = '["https://id.example","ben","agent"]';

let directory: string;
let keys: Keys;
let store: Store;
let now: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-tokens-'));
  keys = await loadKeys(join(directory, 'keys'));
  store = await openSqliteStore({ file: join(directory, 'store.db'), keys });
  now = Date.UTC(2026, 0, 1);
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function vault(more: Partial<Pick<Keys, 'tokenDerivation' | 'tokenSealing'>> = {}): TokenVault {
  const { tokenDerivation, tokenSealing } = { ...keys, ...more };
  const clock = { now: () => now, monotonic: () => now };
  return createTokenVault({ store, clock, derivation: tokenDerivation, sealing: tokenSealing });
}

async function give(from: TokenVault, principal: string, value: string, tokenClass = 'email'): Promise<string> {
  const issued = from.issue(principal);
  const token = issued.tokenFor(tokenClass, value);
  await store.commit({ statements: issued.statements() });
  issued.kept();
  return token;
}

describe('tokens', () => {
  test('say their class and nothing of their value, and are the same in every process', async () => {
    const token = await give(vault(), AGENT, ADA);
    expect(token).toMatch(/^tok_email_[a-z2-7]{26}$/);
    expect(classOfToken(token)).toBe('email');
    expect(await give(vault(), OTHER, ADA)).toBe(token);
    expect(await give(vault(), AGENT, ADA, 'login')).not.toContain(token.slice(-26));
    expect(await give(vault(), AGENT, 'b@example.com')).not.toBe(token);
  });

  test('are turned back for whoever was given them, also after a restart', async () => {
    const token = await give(vault(), AGENT, ADA);
    expect(await vault().resolve(AGENT, [token])).toEqual(new Map([[token, ADA]]));
  });

  test.each<[string, (token: string) => Promise<unknown>]>([
    ['somebody else', (token) => vault().resolve(OTHER, [token])],
    ['another deployment', (token) => vault({ tokenDerivation: key() }).resolve(AGENT, [token])],
    ['a guess', () => vault().resolve(AGENT, [`tok_email_${'a'.repeat(26)}`])],
    ['the same letters under another class', (token) => vault().resolve(AGENT, [token.replace('email', 'login')])],
  ])('are refused for %s', async (_, resolve) => {
    const token = await give(vault(), AGENT, ADA);
    await expect(resolve(token)).rejects.toMatchObject({ code: 'unknown_value_token' });
  });

  test('are refused where somebody has put the value of one into the row of another', async () => {
    const mine = await give(vault(), AGENT, ADA);
    const other = await give(vault(), AGENT, 'b@example.com');
    const swapped = 'update tokens set sealed = (select sealed from tokens where token = ?) where token = ?';
    await store.commit({ statements: [{ sql: swapped, parameters: [other, mine] }] });
    await expect(vault().resolve(AGENT, [mine])).rejects.toMatchObject({ code: 'unknown_value_token' });
  });

  test('live from the last time they were given, and are then removed', async () => {
    const one = vault();
    const token = await give(one, AGENT, ADA);
    now += TOKEN_RENEWAL_MS + 1;
    await give(one, AGENT, ADA);
    now += TOKEN_LIFE_MS - 1;
    expect((await vault().resolve(AGENT, [token])).get(token)).toBe(ADA);
    now += 1;
    await expect(vault().resolve(AGENT, [token])).rejects.toMatchObject({ code: 'expired_value_token' });
    await store.commit({ statements: [expiredTokens(now)] });
    await expect(vault().resolve(AGENT, [token])).rejects.toMatchObject({ code: 'unknown_value_token' });
  });

  test('are written once, and again only where writing them failed', async () => {
    const one = vault();
    const failed = one.issue(AGENT);
    failed.tokenFor('email', ADA);
    expect(failed.statements()).toHaveLength(1);
    await give(one, AGENT, ADA);
    const again = one.issue(AGENT);
    again.tokenFor('email', ADA);
    expect(again.statements()).toEqual([]);
    const other = one.issue(OTHER);
    other.tokenFor('email', ADA);
    expect(other.statements()).toHaveLength(1);
  });

  test('keep their values under a key that can be rotated', async () => {
    const token = await give(vault(), AGENT, ADA);
    const { current, keys: ring } = keys.tokenSealing;
    const rotated = { current: 'feedbeef', keys: new Map([...ring, ['feedbeef', key()]]) };
    expect((await vault({ tokenSealing: rotated }).resolve(AGENT, [token])).get(token)).toBe(ADA);
    const without = { current: 'feedbeef', keys: new Map([['feedbeef', key()]]) };
    expect(current).not.toBe('feedbeef');
    await expect(vault({ tokenSealing: without }).resolve(AGENT, [token])).rejects.toMatchObject({
      code: 'unknown_value_token',
    });
  });

  test('are bounded in number for one result, up to which all are kept', async () => {
    const one = vault();
    const issued = one.issue(AGENT);
    const tokens = Array.from({ length: MAX_TOKENS_PER_RESULT }, (_, index) => issued.tokenFor('id', String(index)));
    expect(issued.tokenFor('id', '7')).toBe(tokens[7]);
    expect(() => issued.tokenFor('id', 'one more')).toThrow(WithheldError);
    await store.commit({ statements: issued.statements() });
    const asked = [tokens[0] ?? '', tokens.at(-1) ?? ''];
    expect([...(await vault().resolve(AGENT, asked)).values()]).toEqual(['0', String(MAX_TOKENS_PER_RESULT - 1)]);
  });

  test('leave no value in the database', async () => {
    await give(vault(), AGENT, ADA);
    const rows = await store.query<{ sealed: Uint8Array }>({ sql: 'select * from tokens', parameters: [] });
    expect(rows).toHaveLength(1);
    expect(Buffer.from(JSON.stringify(rows)).includes(ADA)).toBe(false);
    expect(Buffer.from(rows[0]?.sealed ?? []).includes(ADA)).toBe(false);
  });
});

function key() {
  return createSecretKey(randomBytes(32));
}
