// Verifies access tokens of OpenID providers: JWTs signed by a private key, checked against the keys that the provider
// publishes. Effectful: fetches keys. Constructed at the process edge.
import { hash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { CryptoKey, JWTVerifyOptions, JWTVerifyResult } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import { InboundToken } from '../core/inbound-token.ts';
import { Principal } from '../core/principal.ts';
import type { AuthFailure, Authenticator, Identified, TrustedIssuer } from './authenticate.ts';
import { bearerToken, readToken } from './compact-token.ts';
import type { UnverifiedToken } from './compact-token.ts';
import { issuerKeys } from './issuer-keys.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { CLOCK_TOLERANCE_S, MAX_CACHED_TOKENS } from './limits.ts';
import { isAccessToken, principalFacts } from './token-claims.ts';

interface Issuer extends TrustedIssuer {
  readonly keys: IssuerKeys;
  readonly groupPrefix: string;
}

/** A token that held: it need not be verified again while its issuer's keys are what they were. */
interface Verified {
  readonly principal: Principal;
  readonly issuer: Issuer;
  readonly keysVersion: number;
}

/** No provider is asked yet. Throws TypeError for issuers that cannot be told apart, or that are not secure. */
export function createAuthenticator(options: {
  issuers: readonly TrustedIssuer[];
  clock: Clock;
  logger: Logger;
}): Authenticator {
  const { clock } = options;
  const issuers = new Map<string, Issuer>();
  for (const trusted of options.issuers) issuers.set(trusted.issuer, describe(trusted, options));
  if (issuers.size < options.issuers.length) throw new TypeError('an issuer is listed twice');

  const cache = new LRUCache<string, Verified>({ max: MAX_CACHED_TOKENS });

  return {
    async authenticate(authorization) {
      const bearer = bearerToken(authorization);
      if ('failure' in bearer) return bearer;
      // By hash: the token itself is kept nowhere.
      const key = hash('sha256', bearer.compact, 'base64url');
      const cached = cache.get(key);
      if (cached && (await holds(cached, clock))) return identified(cached, bearer.compact);
      cache.delete(key);
      const token = readToken(bearer.compact);
      if ('failure' in token) return token;
      const issuer = issuers.get(token.issuer);
      if (!issuer) return { failure: 'wrong_issuer' };
      const verified = await verify(token, issuer, clock);
      if ('failure' in verified) return verified;
      cache.set(key, verified);
      return identified(verified, bearer.compact);
    },
    async prepare() {
      await Promise.all([...issuers.values()].map(({ keys }) => keys.refresh()));
    },
    health() {
      const without = [...issuers.values()].filter(({ keys }) => !keys.usable()).map(({ issuer }) => issuer);
      // One provider's outage must not take the broker from the people of another.
      const ok = without.length < issuers.size;
      return without.length === 0 ? { ok } : { ok, detail: `no keys of ${without.join(', ')}` };
    },
  };
}

function describe(
  trusted: TrustedIssuer,
  { issuers, clock, logger }: Parameters<typeof createAuthenticator>[0],
): Issuer {
  if (issuers.length > 1 && trusted.name === undefined) {
    throw new TypeError(`${trusted.issuer} needs a name: with more than one issuer, groups are written name:group`);
  }
  const groupPrefix = issuers.length > 1 ? `${trusted.name ?? ''}:` : '';
  return { ...trusted, groupPrefix, keys: issuerKeys(trusted.issuer, clock, logger) };
}

function identified({ principal, issuer }: Verified, compact: string): Identified {
  return { principal, inbound: InboundToken.received(compact, issuer.issuer) };
}

async function holds({ principal, issuer, keysVersion }: Verified, clock: Clock): Promise<boolean> {
  if (clock.now() >= principal.expiresAt + CLOCK_TOLERANCE_S * 1000) return false;
  return (await issuer.keys.ready()) && keysVersion === issuer.keys.version;
}

async function verify(token: UnverifiedToken, issuer: Issuer, clock: Clock): Promise<Verified | AuthFailure> {
  const { alg, kid } = token.header;
  // Decided before any key is looked at: with `none` or a shared secret a public key would be no proof at all.
  if (typeof alg !== 'string' || !issuer.algorithms.includes(alg)) return { failure: 'bad_algorithm' };
  if (kid !== undefined && typeof kid !== 'string') return { failure: 'malformed' };
  const candidates = await issuer.keys.candidates({ alg, ...(kid === undefined ? {} : { kid }) });
  if (candidates === undefined) return { failure: 'keys_unavailable', detail: issuer.issuer };
  if (candidates.keys.length === 0) return { failure: 'unknown_key', detail: issuer.issuer };

  const verified = await verifyWithAny(token, candidates.keys, {
    algorithms: [alg],
    issuer: issuer.issuer,
    audience: issuer.audience,
    clockTolerance: CLOCK_TOLERANCE_S,
    currentDate: new Date(clock.now()),
  });
  if ('failure' in verified) return { ...verified, detail: issuer.issuer };

  const claims = verified.payload as JsonObject;
  if (!isAccessToken(token.header, claims)) return { failure: 'not_an_access_token', detail: issuer.issuer };
  const facts = principalFacts(claims, issuer, issuer.groupPrefix);
  if ('failure' in facts) return facts;
  const lacking = (issuer.requiredScopes ?? []).filter((scope) => !facts.scopes.includes(scope));
  if (lacking.length > 0) {
    return { failure: 'insufficient_scope', detail: `${issuer.issuer}: the token lacks ${lacking.join(' ')}` };
  }
  return { principal: Principal.verified(facts), issuer, keysVersion: candidates.version };
}

async function verifyWithAny(
  { compact }: UnverifiedToken,
  keys: readonly CryptoKey[],
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult | AuthFailure> {
  for (const key of keys) {
    try {
      return await jwtVerify(compact, key, options);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return { failure: reasonOf(error) };
    }
  }
  return { failure: 'bad_signature' };
}

function reasonOf(error: unknown): AuthFailure['failure'] {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'wrong_audience';
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'not_yet_valid';
    return error.claim === 'iss' ? 'wrong_issuer' : 'invalid_claims';
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'bad_algorithm';
  // What is left is about the form of the token (unknown `crit`, claims that are no object) or a key unfit for `alg`.
  return error instanceof errors.JOSEError ? 'malformed' : 'unknown_key';
}
