// Verifies the tokens of people who call the API: access tokens for the API alone, issued to the client that people sign
// in through, and held by the person themselves. Built on the verification of agents' tokens; constructed at the process edge.
import type { Person } from '../core/approval.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { AuthFailure, Authenticator, TrustedIssuer } from './authenticate.ts';
import { createAuthenticator } from './oidc-authenticator.ts';
import { nameOf } from './token-claims.ts';

export type PersonResult = { readonly person: Person } | AuthFailure;

export interface PeopleAuthenticator extends Pick<Authenticator, 'prepare'> {
  /** As `Authenticator.authenticate`, for people. An agent's token never makes a person. */
  authenticate(authorization: string | undefined): Promise<PersonResult>;
}

export interface PeopleAuthenticatorOptions {
  /** Its audience is the API's. */
  readonly issuer: TrustedIssuer;
  /** The client that people sign in through. */
  readonly clientId: string;
  /** Put before every group: `name:` with more than one issuer, as in rules. */
  readonly groupPrefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createPeopleAuthenticator(options: PeopleAuthenticatorOptions): PeopleAuthenticator {
  const { issuer, clientId, groupPrefix, clock, logger } = options;
  const verifier = createAuthenticator({ issuers: [issuer], clock, logger });
  return {
    prepare: () => verifier.prepare(),
    async authenticate(authorization) {
      const verified = await verifier.authenticate(authorization);
      if ('failure' in verified) return verified;
      const { subject, actor, groups, claims } = verified.principal;
      // With `act` an agent holds the token, whomever it is about; another client's user has not come here to decide.
      if (claims['act'] !== undefined || actor !== clientId) {
        return { failure: 'not_a_person', detail: `${issuer.issuer}: the token was issued to ${actor}` };
      }
      // Under client credentials the client itself is the subject: a program that signs in as nobody.
      if (subject === clientId)
        return { failure: 'not_a_person', detail: `${issuer.issuer}: the token names no person` };
      const prefixed = groups.map((group) => groupPrefix + group);
      return { person: { issuer: issuer.issuer, subject, name: nameOf(claims) ?? subject, groups: prefixed } };
    },
  };
}
