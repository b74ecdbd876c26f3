// The `tokens` table: which principal was given which token, and the value it stands for, sealed. See src/core/token-vault.ts.
import { createHmac, type KeyObject } from 'node:crypto';
import { base32 } from '../core/base32.ts';
import type { Clock } from '../core/clock.ts';
import { WithheldError } from '../core/errors.ts';
import type { KeyRing } from '../core/keys.ts';
import { MAX_TOKENS_PER_RESULT, TOKEN_LIFE_MS, TOKEN_RENEWAL_MS } from '../core/limits.ts';
import { newSalt, seal, unseal } from '../core/sealing.ts';
import type { Statement, Store } from '../core/store.ts';
import { TokenError, type TokenIssuer, type TokenVault } from '../core/token-vault.ts';
import { classOfToken } from '../core/value-token.ts';
import { queries, statement } from './queries.ts';
import { RecentlyUsed } from './recently-used.ts';
import type { TokensTable } from './schema.ts';

/** 128 bits: values never meet by chance. */
const TOKEN_BYTES = 16;
/** Values whose token, and tokens whose row, need not be made again. About 20 MB at most. */
const MAX_REMEMBERED = 100_000;
/** Longer values are not remembered. */
const MAX_REMEMBERED_CHARACTERS = 64;
/** Rows of one statement: well under the number of parameters that either engine takes. */
const ROWS_PER_STATEMENT = 500;

export interface TokenVaultOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Makes tokens of values. It must never change: equal values have equal tokens only under one key. */
  readonly derivation: KeyObject;
  /** Seals values. May be rotated. */
  readonly sealing: KeyRing;
}

/** `tok_<class>_<26 base32 characters>`: HMAC-SHA-256 over class and value, cut to 128 bits. */
export function tokenMaker(key: KeyObject): TokenIssuer['tokenFor'] {
  return (tokenClass, value) => {
    const mac = createHmac('sha256', key).update(`token\0${tokenClass}\0${value}`).digest();
    return `tok_${tokenClass}_${base32(mac.subarray(0, TOKEN_BYTES))}`;
  };
}

export function createTokenVault({ store, clock, derivation, sealing }: TokenVaultOptions): TokenVault {
  /** Tokens by class and value. */
  const made = new RecentlyUsed<string, string>(MAX_REMEMBERED);
  /** When the row of a principal and a token was written. */
  const written = new RecentlyUsed<string, number>(MAX_REMEMBERED);

  const makeToken = tokenMaker(derivation);

  function tokenFor(tokenClass: string, value: string): string {
    const key = `${tokenClass}\0${value}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const token = makeToken(tokenClass, value);
    if (value.length <= MAX_REMEMBERED_CHARACTERS) made.set(key, token);
    return token;
  }

  return {
    issue(principalKey) {
      const given = new Map<string, string>();
      /** Tokens by class and value: columns repeat theirs. */
      const byClass = new Map<string, Map<string, string>>();
      const unwritten = (): string[] => {
        const fresh = clock.now() - TOKEN_RENEWAL_MS;
        return [...given.keys()].filter((token) => (written.get(`${principalKey} ${token}`) ?? 0) < fresh);
      };
      return {
        tokenFor(tokenClass, value) {
          let byValue = byClass.get(tokenClass);
          if (byValue === undefined) byClass.set(tokenClass, (byValue = new Map<string, string>()));
          const known = byValue.get(value);
          if (known !== undefined) return known;
          const token = tokenFor(tokenClass, value);
          if (given.size >= MAX_TOKENS_PER_RESULT) {
            throw new WithheldError(`the result needs more than ${String(MAX_TOKENS_PER_RESULT)} different tokens`);
          }
          given.set(token, value);
          byValue.set(value, token);
          return token;
        },

        statements() {
          const now = clock.now();
          const rows = unwritten().map((token) => ({
            principal_key: principalKey,
            token,
            sealed: seal(sealing, newSalt(), given.get(token) ?? ''),
            given_at: now,
            expires_at: now + TOKEN_LIFE_MS,
          }));
          return chunked(rows).map(insertOrRenew);
        },

        kept() {
          const now = clock.now();
          for (const token of unwritten()) written.set(`${principalKey} ${token}`, now);
        },
      };
    },

    async resolve(principalKey, tokens) {
      const asked = queries
        .selectFrom('tokens')
        .selectAll()
        .where('principal_key', '=', principalKey)
        .where('token', 'in', tokens);
      const rows = await store.query<TokensTable>(statement(asked));
      const found = new Map(rows.map((row) => [row.token, row]));
      const now = clock.now();
      return new Map(tokens.map((token) => [token, valueOf(token, found.get(token), now)]));
    },

    async reveal(token) {
      const asked = queries.selectFrom('tokens').selectAll().where('token', '=', token).orderBy('expires_at', 'desc');
      const [row] = await store.query<TokensTable>(statement(asked.limit(1)));
      return valueOf(token, row, clock.now());
    },
  };

  function valueOf(token: string, row: TokensTable | undefined, now: number): string {
    if (row === undefined) throw new TokenError('unknown_value_token');
    if (row.expires_at <= now) throw new TokenError('expired_value_token');
    const value = unsealed(row.sealed);
    // Whoever can write to the table could put one token's value into another's row: only the key's holder makes tokens.
    if (value === undefined || tokenFor(classOfToken(token) ?? '', value) !== token) {
      throw new TokenError('unknown_value_token');
    }
    return value;
  }

  function unsealed(sealed: Uint8Array): string | undefined {
    try {
      return unseal(sealing, sealed).plaintext.toString();
    } catch {
      return undefined;
    }
  }
}

/** Removes the rows of tokens that cannot be turned back any more. */
export function expiredTokens(now: number): Statement {
  return statement(queries.deleteFrom('tokens').where('expires_at', '<=', now));
}

function insertOrRenew(rows: readonly TokensTable[]): Statement {
  return statement(
    queries
      .insertInto('tokens')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['principal_key', 'token']).doUpdateSet((row) => ({
          sealed: row.ref('excluded.sealed'),
          expires_at: row.ref('excluded.expires_at'),
        })),
      ),
  );
}

function chunked(rows: readonly TokensTable[]): TokensTable[][] {
  const count = Math.ceil(rows.length / ROWS_PER_STATEMENT);
  return Array.from({ length: count }, (_, index) =>
    rows.slice(index * ROWS_PER_STATEMENT, (index + 1) * ROWS_PER_STATEMENT),
  );
}
