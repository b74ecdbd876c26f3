// The part of the composition root that people use: how they sign in, and what stands behind the API and the console.
import { hkdfSync } from 'node:crypto';
import type { ApprovalDesk } from '../approval/approval-desk.ts';
import type { Config } from '../config.ts';
import { sealedCookie } from '../console/sealed-cookie.ts';
import type { Clock } from '../core/clock.ts';
import type { Keys } from '../core/keys.ts';
import { CONSOLE_SESSION_S, SIGN_IN_S } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import type { Switches } from '../core/switches.ts';
import type { PeopleSide } from '../http.ts';
import type { Erasures } from '../log/erasures.ts';
import type { Reveals } from '../masking/reveals.ts';
import type { AuthFailures } from '../identity/auth-failures.ts';
import { createPeopleAuthenticator } from '../identity/people-authenticator.ts';
import { createPeopleSignIn } from '../identity/people-sign-in.ts';
import type { OperatorDesk } from '../switches/operator-desk.ts';

interface Shared {
  readonly desk: ApprovalDesk;
  readonly operators: OperatorDesk;
  readonly switches: Pick<Switches, 'isBlocked'>;
  readonly erasures: Erasures;
  readonly reveals: Reveals;
  readonly keys: Pick<Keys, 'digest'>;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failures: AuthFailures;
}

/** Undefined where the configuration does not say how people sign in. No issuer is waited for. */
export function openPeopleSide(config: Config, shared: Shared): PeopleSide | undefined {
  const { people, issuers, publicUrl } = config;
  const issuer = issuers.find((candidate) => candidate.issuer === people?.issuer);
  if (people === undefined || issuer === undefined) return undefined;
  const { desk, operators, switches, erasures, reveals, keys, log, clock, logger, failures } = shared;
  const { groupsClaim, algorithms } = issuer;
  const groupPrefix = issuers.length > 1 ? `${issuer.name ?? ''}:` : '';

  const verifier = createPeopleAuthenticator({
    // Scopes that agents must have are none of people's business, and the prefix is put on below.
    issuer: { name: undefined, issuer: people.issuer, audience: `${publicUrl}/api`, groupsClaim, algorithms },
    clientId: people.clientId,
    groupPrefix,
    clock,
    logger,
  });
  void verifier.prepare();

  const cookie = (name: string, maxAgeS: number) =>
    sealedCookie({ name, maxAgeS, publicUrl, clock, key: cookieKey(keys) });
  return {
    issuer: people.issuer,
    clientId: people.clientId,
    desk,
    operators,
    isBlocked: (person) => switches.isBlocked(person),
    erasures,
    reveals,
    authenticator: {
      async authenticate(authorization) {
        const result = await verifier.authenticate(authorization);
        if ('failure' in result) failures.count(result);
        return result;
      },
    },
    console: {
      signIn: createPeopleSignIn({ ...people, redirectUri: `${publicUrl}/console/callback`, groupsClaim, groupPrefix }),
      session: cookie('session', CONSOLE_SESSION_S),
      attempt: cookie('sign-in', SIGN_IN_S),
      clock,
      async onSignedIn({ issuer: at, subject, name }) {
        await log.append([{ body: { type: 'signin', person: { issuer: at, subject, name } } }]);
      },
    },
  };
}

/** The same for all brokers of a deployment: whichever a browser reaches can read its cookie. */
function cookieKey({ digest }: Pick<Keys, 'digest'>): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', digest.export(), '', 'console cookies', 32));
}
