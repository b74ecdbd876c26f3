// The public keys of one issuer: found by OpenID Connect Discovery 1.0, fetched when first needed, kept, and fetched anew
// so that a rotation needs no restart. Effectful: speaks HTTP to the provider. Called by oidc-authenticator.ts.
import { createLocalJWKSet, errors } from 'jose';
import type { CryptoKey, JSONWebKeySet, JWSHeaderParameters } from 'jose';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { isJsonObject } from '../core/json.ts';
import type { JsonObject } from '../core/json.ts';
import { KEYS_COOL_DOWN_MS, KEYS_FRESH_MS, KEYS_MAX_AGE_MS, KEYS_REFRESH_MS, KEYS_TIMEOUT_MS } from './limits.ts';

export interface IssuerKeys {
  /** Goes up when the set of keys has changed: what an older set has verified must be verified again. */
  readonly version: number;
  /** Whether there are keys that may be used now. Waits for nothing: a fetch that is due happens behind the caller. */
  usable(): boolean;
  /** Like `usable`, but a fetch happens first where the keys are too old. */
  ready(): Promise<boolean>;
  /**
   * The keys that could have signed a token with this header; several only where the token names none. Empty where none
   * is known, even after asking the provider again, which a flood of unknown ids makes it do once in KEYS_COOL_DOWN_MS.
   * Undefined while that cannot be said: no provider was reached yet, or none for KEYS_MAX_AGE_MS, or not now.
   */
  candidates(header: JWSHeaderParameters): Promise<Candidates | undefined>;
  /** Fetches now, unless that was tried within KEYS_COOL_DOWN_MS. Never rejects; a failure is logged. */
  refresh(): Promise<void>;
}

export interface Candidates {
  readonly keys: readonly CryptoKey[];
  /** Of the set they are from. */
  readonly version: number;
}

interface KeySet {
  readonly version: number;
  readonly select: ReturnType<typeof createLocalJWKSet>;
  readonly fingerprint: string;
  readonly fetchedAt: number;
}

/** Throws TypeError for an issuer that is neither https nor http on loopback. */
export function issuerKeys(issuer: string, clock: Clock, logger: Logger): IssuerKeys {
  requireSecure(issuer, issuer);
  let keys: KeySet | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let failing = false;
  let fetching: Promise<void> | undefined;

  const age = (): number => (keys === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - keys.fetchedAt);

  async function fetchKeys(): Promise<void> {
    try {
      const jwks = await fetchKeySet(issuer);
      const fingerprint = jwks.keys
        .map((key) => JSON.stringify(key))
        .sort()
        .join();
      const select = createLocalJWKSet(jwks);
      const changed = fingerprint !== keys?.fingerprint;
      const version = (keys?.version ?? 0) + (changed ? 1 : 0);
      keys = { version, select, fingerprint, fetchedAt: clock.monotonic() };
      failing = false;
      if (changed) logger.info({ issuer, keys: jwks.keys.map(({ kid }) => kid) }, 'the issuer has new keys');
    } catch (error) {
      failing = true;
      const left = Math.max(0, KEYS_MAX_AGE_MS - age());
      logger.warn({ issuer, reason: reasonOf(error), keysServeForMs: left }, 'the keys of an issuer cannot be fetched');
    }
  }

  function refresh(): Promise<void> {
    if (fetching !== undefined) return fetching;
    if (clock.monotonic() - triedAt < KEYS_COOL_DOWN_MS) return Promise.resolve();
    triedAt = clock.monotonic();
    fetching = fetchKeys().finally(() => (fetching = undefined));
    return fetching;
  }

  function usable(): boolean {
    if (age() >= KEYS_REFRESH_MS) void refresh();
    return age() < KEYS_MAX_AGE_MS;
  }

  async function ready(): Promise<boolean> {
    // While the provider is out of reach its last keys serve, and nobody waits for another attempt.
    if (age() >= (failing ? KEYS_MAX_AGE_MS : KEYS_FRESH_MS)) await refresh();
    return usable();
  }

  return {
    get version() {
      return keys?.version ?? 0;
    },
    usable,
    ready,
    async candidates(header) {
      if (!(await ready()) || keys === undefined) return undefined;
      const found = await select(keys, header);
      if (found.keys.length > 0) return found;
      await refresh();
      return failing ? undefined : await select(keys, header);
    },
    refresh,
  };
}

async function select(keys: KeySet, header: JWSHeaderParameters): Promise<Candidates> {
  const { version } = keys;
  try {
    return { version, keys: [await keys.select(header)] };
  } catch (error) {
    const several: CryptoKey[] = [];
    if (error instanceof errors.JWKSMultipleMatchingKeys) for await (const key of error) several.push(key);
    return { version, keys: several };
  }
}

async function fetchKeySet(issuer: string): Promise<JSONWebKeySet> {
  const metadata = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  // Discovery, section 4.3: otherwise one provider could pass another's keys off as this issuer's.
  if (metadata['issuer'] !== issuer) throw new Error('its discovery document names another issuer');
  const jwksUri = metadata['jwks_uri'];
  if (typeof jwksUri !== 'string') throw new Error('its discovery document names no jwks_uri');
  requireSecure(jwksUri, issuer);
  const jwks = await fetchJson(jwksUri);
  const keys = jwks['keys'];
  if (!Array.isArray(keys) || !keys.every(isJsonObject)) throw new Error('its jwks_uri holds no JSON Web Key Set');
  return { keys };
}

async function fetchJson(url: string): Promise<JsonObject> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(KEYS_TIMEOUT_MS),
  });
  if (response.status !== 200) throw new Error(`${url} answered with status ${response.status}`);
  const value: unknown = await response.json();
  if (!isJsonObject(value)) throw new Error(`${url} holds no JSON object`);
  return value;
}

/** Keys had over plain http could be anybody's; on loopback, and from a loopback issuer, there is nobody else. */
function requireSecure(url: string, issuer: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return;
  if (protocol === 'http:' && isLoopback(hostname) && isLoopback(new URL(issuer).hostname)) return;
  throw new TypeError(`${url} must be https (http is for loopback addresses alone)`);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
