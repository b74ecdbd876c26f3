// What tests of identity hold in their hands: a clock, what was logged, and tokens made with a provider's own key.
import { importJWK, SignJWT } from 'jose';
import type { JWTHeaderParameters, JWTPayload } from 'jose';
import type { Clock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { IdentityProvider } from '../../src/demo/identity-provider.ts';
import type { Authenticator, TrustedIssuer } from '../../src/identity/authenticate.ts';
import { createAuthenticator } from '../../src/identity/oidc-authenticator.ts';

export const BROKER = 'http://127.0.0.1:8931';
export const AUDIENCE = `${BROKER}/mcp`;

/** Time that passes only when a test says so; it starts now, since real providers date their tokens. */
export class HeldClock implements Clock {
  #time = Date.now();
  now(): number {
    return this.#time;
  }
  monotonic(): number {
    return this.#time;
  }
  pass(ms: number): void {
    this.#time += ms;
  }
}

export class RecordingLogger implements Logger {
  readonly said: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  debug = (fields: object, message: string): void => void this.said.push({ level: 'debug', fields, message });
  info = (fields: object, message: string): void => void this.said.push({ level: 'info', fields, message });
  warn = (fields: object, message: string): void => void this.said.push({ level: 'warn', fields, message });
  error = (fields: object, message: string): void => void this.said.push({ level: 'error', fields, message });
}

export function trusted(provider: { readonly issuer: string }, more: Partial<TrustedIssuer> = {}): TrustedIssuer {
  const algorithms = ['RS256', 'PS256', 'ES256'];
  return { name: undefined, issuer: provider.issuer, audience: AUDIENCE, groupsClaim: 'groups', algorithms, ...more };
}

export interface Door extends Authenticator {
  readonly clock: HeldClock;
  readonly logger: RecordingLogger;
}

/** An authenticator of its own, which has fetched nothing yet. */
export function door(...issuers: readonly TrustedIssuer[]): Door {
  const clock = new HeldClock();
  const logger = new RecordingLogger();
  return { ...createAuthenticator({ issuers, clock, logger }), clock, logger };
}

/** The claims of an access token that passes, of which a test changes one. */
export function goodClaims(provider: { readonly issuer: string }): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return {
    ...{ iss: provider.issuer, aud: AUDIENCE, sub: 'ada@shop.example', client_id: 'support-agent' },
    ...{ iat: now, exp: now + 600, groups: ['support'] },
  };
}

/** Signs whatever it is given with the provider's newest key. */
export async function forge(
  provider: IdentityProvider,
  claims: JWTPayload,
  header: { alg?: string; kid?: string | undefined; typ?: string } = {},
): Promise<string> {
  const key = provider.keys[0]!;
  const alg = header.alg ?? key.alg!;
  const protectedHeader = { typ: 'at+jwt', kid: key.kid, ...header, alg };
  return await new SignJWT(claims)
    .setProtectedHeader(protectedHeader as JWTHeaderParameters)
    .sign(await importJWK(key, alg));
}
