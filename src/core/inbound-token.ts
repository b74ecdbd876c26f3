// The access token of one request, on its way from the first door to the credential door. It shows itself nowhere:
// a provider of credentials may exchange it at the issuer that signed it, and nobody else may read it (a lint rule holds that).
import { inspect } from 'node:util';
import { Secret } from './secret.ts';

export class InboundToken {
  /** For the compiler alone: a literal of the same shape is not one. */
  declare protected readonly brand: 'InboundToken';
  /** The `iss` that it was verified with. */
  readonly issuer: string;
  readonly #compact: Secret;

  private constructor(compact: string, issuer: string) {
    this.#compact = new Secret(compact);
    this.issuer = issuer;
    Object.freeze(this);
  }

  /** Called by src/identity alone, once the token has been verified. */
  static received(compact: string, issuer: string): InboundToken {
    return new InboundToken(compact, issuer);
  }

  /** The token, to be sent to `issuer` as `subject_token`; undefined for any but the issuer that signed it. Called by src/credential alone. */
  subjectTokenFor(issuer: string): Secret | undefined {
    return issuer === this.issuer ? this.#compact : undefined;
  }

  toString(): string {
    return String(this.#compact);
  }

  toJSON(): string {
    return String(this.#compact);
  }

  [inspect.custom](): string {
    return String(this.#compact);
  }
}
