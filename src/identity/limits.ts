// Every number that bounds identity, with its unit in the name and one line of why.

/** Clocks of providers and brokers differ by seconds; more would let an expired token live on. */
export const CLOCK_TOLERANCE_S = 30;
/** Node takes headers up to 16 KiB; a token that large holds a person's whole directory. */
export const MAX_TOKEN_LENGTH = 16_384;
/** Verifying costs a signature check; a busy broker sees some thousand tokens within their lives. */
export const MAX_CACHED_TOKENS = 10_000;
/** Keys are fetched anew behind the calls, so that under load nobody waits for a provider. */
export const KEYS_REFRESH_MS = 5 * 60_000;
/** Keys older than this are fetched before they are used again: a withdrawn key serves no longer than that. */
export const KEYS_FRESH_MS = 10 * 60_000;
/** While a provider cannot be reached its keys serve this long; tokens seldom live longer. */
export const KEYS_MAX_AGE_MS = 60 * 60_000;
/** A flood of tokens with unknown key ids, or an outage, costs the provider one fetch in this time. */
export const KEYS_COOL_DOWN_MS = 10_000;
/** What a provider gets to answer in: a call waits for it. */
export const KEYS_TIMEOUT_MS = 5_000;
/** Floods of refused tokens become one entry in this time. */
export const AUTH_FAILURES_INTERVAL_MS = 60_000;
/** What the issuer gets to answer somebody who signs in: they wait for it. */
export const PEOPLE_ISSUER_TIMEOUT_S = 10;
