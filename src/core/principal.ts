// Who is calling. Evidence: only src/identity makes one, from a token it has verified.
import type { JsonObject } from './json.ts';

export interface PrincipalFacts {
  /** The `iss` of the verified token. */
  readonly issuer: string;
  /** The person or service on whose behalf the call is made (`sub`). */
  readonly subject: string;
  /** The agent acting (RFC 8693 `act.sub`), else the OAuth client (`client_id` or `azp`). */
  readonly actor: string;
  /** Groups; written `issuerName:group` when more than one issuer is configured. */
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** The verified claims, for rules. Never the token itself. */
  readonly claims: JsonObject;
  /** When the token expires, in milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export class Principal implements PrincipalFacts {
  /** For the compiler alone: a literal of the same shape is not a Principal. */
  declare protected readonly brand: 'Principal';
  readonly issuer: string;
  readonly subject: string;
  readonly actor: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly claims: JsonObject;
  readonly expiresAt: number;
  /** Who this is, without what a refreshed token changes: the key of everything held for a principal. */
  readonly key: string;

  private constructor(facts: PrincipalFacts) {
    this.issuer = facts.issuer;
    this.subject = facts.subject;
    this.actor = facts.actor;
    this.groups = facts.groups;
    this.scopes = facts.scopes;
    this.claims = facts.claims;
    this.expiresAt = facts.expiresAt;
    this.key = JSON.stringify([facts.issuer, facts.subject, facts.actor]);
    Object.freeze(this);
  }

  /** Called by src/identity alone, once signature, issuer, audience and times have been verified. */
  static verified(facts: PrincipalFacts): Principal {
    return new Principal(facts);
  }
}

/** In words, for people: on whose behalf, and through which agent where that is another. */
export function callerOf({ subject, actor }: Pick<PrincipalFacts, 'subject' | 'actor'>): string {
  return subject === actor ? subject : `${subject} via ${actor}`;
}
