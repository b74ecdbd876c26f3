// The port of tokens that stand in for masked values: made while masking, turned back for the backend alone. Implemented in src/store.
import type { Statement } from './store.ts';

export interface TokenVault {
  /** Collects what one result gives to one principal. */
  issue(principalKey: string): IssuedTokens;
  /**
   * The values of tokens, by token. Throws TokenError where one was never given to this principal (other deployments' tokens
   * are among those), or its time is up; StoreError where the store does not answer.
   */
  resolve(principalKey: string, tokens: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The value of a token, whoever was given it: for people who may see it. Throws as `resolve` does. */
  reveal(token: string): Promise<string>;
}

/** What masks ask for tokens. */
export interface TokenIssuer {
  /** Equal values of one class have equal tokens, always. Throws WithheldError above MAX_TOKENS_PER_RESULT different ones. */
  tokenFor(tokenClass: string, value: string): string;
}

export interface IssuedTokens extends TokenIssuer {
  /** Must be committed before the tokens leave: without them nobody can turn them back. Empty where all are known already. */
  statements(): readonly Statement[];
  /** They are committed. */
  kept(): void;
}

/** A token could not be turned back. `code` is for the caller; no message holds a value. */
export class TokenError extends Error {
  readonly code: 'unknown_value_token' | 'expired_value_token' | 'unfit_value_token';

  constructor(code: TokenError['code']) {
    super(code);
    this.name = 'TokenError';
    this.code = code;
  }
}
