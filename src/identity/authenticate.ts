// The port of the first door: who is calling, from the Authorization header alone. Implemented by oidc-authenticator.ts.
import type { InboundToken } from '../core/inbound-token.ts';
import type { Principal } from '../core/principal.ts';

export interface Authenticator {
  /**
   * Verifies the bearer token of one request: signature, issuer, audience and times. Nothing else counts as identity.
   * A token that does not hold is a value, never an exception; it appears in no message, log or Principal.
   * Any number may run at the same time.
   */
  authenticate(authorization: string | undefined): Promise<AuthResult>;
  /** Fetches the keys of every issuer now, so that the first call need not. Never rejects: what failed is tried again when needed. */
  prepare(): Promise<void>;
  /**
   * Whether tokens of any issuer can be verified at this moment; `detail` names the issuers whose cannot. Waits for
   * nothing, but has keys fetched that are due: a broker without calls stays ready, or becomes it.
   */
  health(): { readonly ok: boolean; readonly detail?: string };
}

export type AuthResult = Identified | AuthFailure;

export interface Identified {
  readonly principal: Principal;
  /** The verified token itself, for the one use that the credential door has for it. */
  readonly inbound?: InboundToken;
}

export interface AuthFailure {
  readonly failure: AuthFailureReason;
  /** For operators: which of their issuers it was about, and what to look at; nothing a caller wrote. */
  readonly detail?: string;
}

/** Why a request has no principal. Facts for the log; the wire learns one of four things (see challenge.ts). */
export type AuthFailureReason =
  /** No Authorization header, or not the Bearer scheme. */
  | 'missing'
  /** Not a signed JWT in compact form (RFC 7515, section 7.1), to the letter. */
  | 'malformed'
  | 'wrong_issuer'
  /** Unsigned, signed with a shared secret, or with an algorithm the issuer is not configured for. */
  | 'bad_algorithm'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  /** An ID token, or another token that is not there to call with. */
  | 'not_an_access_token'
  /** Authentic, but without subject, client or expiry, or with groups that cannot be read. */
  | 'invalid_claims'
  | 'insufficient_scope'
  /** Authentic, and an agent's, or that of a program: on the people's side only. */
  | 'not_a_person'
  /** Nothing is wrong with the token as far as one can tell: its issuer's keys cannot be had. */
  | 'keys_unavailable';

/** An issuer whose tokens are accepted. */
export interface TrustedIssuer {
  /** Needed with more than one issuer: groups are then written `name:group`. */
  readonly name: string | undefined;
  /** As tokens say it in `iss`. https, or http on loopback. */
  readonly issuer: string;
  /** As tokens must say it in `aud`. */
  readonly audience: string;
  /** The claim that lists groups: a name, or a path such as `realm_access.roles`. */
  readonly groupsClaim: string;
  /** Asymmetric ones alone. */
  readonly algorithms: readonly string[];
  /** Scopes a token must carry; none where left out. */
  readonly requiredScopes?: readonly string[];
}
