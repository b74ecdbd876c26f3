// How people sign in to the console: authorization code with PKCE, state and nonce (OpenID Connect Core, section 3.1).
// What comes of it is a Person from a verified ID token; no token is kept. Effectful: asks the issuer.
import * as oauth from 'openid-client';
import type { Person } from '../core/approval.ts';
import type { JsonObject } from '../core/json.ts';
import { SignInError } from '../core/sign-in-error.ts';
import { discoverPeopleIssuer, identityScopes, type PeopleClient } from './people-client.ts';
import { groupsOf, nameOf } from './token-claims.ts';

/** What only the browser that began may bring back. */
export interface SignInAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface PeopleSignIn {
  /** Where to send the browser. Rejects with SignInError. */
  begin(): Promise<{ readonly address: URL; readonly attempt: SignInAttempt }>;
  /** Who came back. Rejects with SignInError. */
  finish(callback: URL, attempt: SignInAttempt): Promise<Person>;
}

export interface PeopleSignInOptions extends PeopleClient {
  readonly redirectUri: string;
  /** The claim that lists groups. */
  readonly groupsClaim: string;
  /** Put before every group, as in rules. */
  readonly groupPrefix: string;
}

export function createPeopleSignIn(options: PeopleSignInOptions): PeopleSignIn {
  let discovered: Promise<oauth.Configuration> | undefined;

  /** Asked once; what failed is asked again by whoever comes next. */
  async function configuration(): Promise<oauth.Configuration> {
    discovered ??= discoverPeopleIssuer(options);
    try {
      return await discovered;
    } catch (error) {
      discovered = undefined;
      throw unavailable(error);
    }
  }

  /** Many issuers tell groups, or names, at the UserInfo endpoint alone. */
  async function allClaims(client: oauth.Configuration, tokens: Tokens, subject: string): Promise<JsonObject> {
    const claims = tokens.claims() as JsonObject | undefined;
    const complete = claims !== undefined && groupsOf(claims, options.groupsClaim)?.length !== 0;
    if (complete || client.serverMetadata().userinfo_endpoint === undefined) return claims ?? {};
    const more = await oauth.fetchUserInfo(client, tokens.access_token, subject);
    // What is signed counts before what is not.
    return { ...(more as unknown as JsonObject), ...claims };
  }

  return {
    async begin() {
      const client = await configuration();
      const attempt = {
        state: oauth.randomState(),
        nonce: oauth.randomNonce(),
        verifier: oauth.randomPKCECodeVerifier(),
      };
      const address = oauth.buildAuthorizationUrl(client, {
        redirect_uri: options.redirectUri,
        scope: identityScopes(client),
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
      });
      return { address, attempt };
    },

    async finish(callback, { state, nonce, verifier }) {
      const client = await configuration();
      let claims: JsonObject;
      let subject: string;
      try {
        const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
        const tokens = await oauth.authorizationCodeGrant(client, callback, { ...checks, idTokenExpected: true });
        subject = tokens.claims()?.sub ?? '';
        claims = await allClaims(client, tokens, subject);
      } catch (error) {
        throw refused(error);
      }
      const groups = groupsOf(claims, options.groupsClaim);
      if (groups === undefined) {
        throw new SignInError(
          `Your groups (${options.groupsClaim}) could not be read. The operator can change what the issuer says of them.`,
        );
      }
      const name = nameOf(claims) ?? subject;
      return { issuer: options.issuer, subject, name, groups: groups.map((group) => options.groupPrefix + group) };
    },
  };
}

type Tokens = Awaited<ReturnType<typeof oauth.authorizationCodeGrant>>;

function refused(error: unknown): SignInError {
  if (error instanceof oauth.AuthorizationResponseError) {
    return new SignInError(`The issuer did not sign you in (${word(error.error)}).`, error);
  }
  if (error instanceof oauth.ResponseBodyError) {
    return new SignInError(`The issuer did not complete your sign-in (${word(error.error)}).`, error);
  }
  if (error instanceof oauth.ClientError && error.code !== 'OAUTH_TIMEOUT') {
    return new SignInError('What came back does not belong to a sign-in that began in this browser.', error);
  }
  return unavailable(error);
}

/** An error code (RFC 6749, section 4.1.2.1); anything else is not repeated. */
function word(code: string): string {
  return /^[a-z_]{1,60}$/.test(code) ? code : 'no reason given';
}

function unavailable(cause: unknown): SignInError {
  return new SignInError('The issuer that people sign in at cannot be reached at the moment.', cause);
}
