// The broker as a client of an OAuth issuer (openid-client): how it signs in there, the tokens it is given, and their end.
// Effectful: asks the issuer. Used by the providers whose credential is an access token.
import * as oauth from 'openid-client';
import { z } from 'zod';
import { connectionProblem } from '../core/connection-problem.ts';
import type { IssuedCredential } from '../core/credential.ts';
import { CredentialError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { Report } from '../core/problem.ts';
import { Secret } from '../core/secret.ts';
import { isSigningKey, signingKey } from './private-key.ts';
import { isSecuredAddress, SECURED_ADDRESS } from './secured-address.ts';

/** Discovery and the token request together stay under what a lease may take to be made. */
const REQUEST_TIMEOUT_S = 4;
const MAX_SAID_CHARS = 300;

const secret = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));
const words = z.string().min(1);

/** What the providers' options share. */
export const clientKeys = {
  issuer: z
    .url()
    .refine(isSecuredAddress, SECURED_ADDRESS)
    .describe('The OpenID provider that gives the token; discovery finds its endpoints.')
    .meta({ examples: ['https://issuer.example'] }),
  clientId: words.describe('What the broker is called there.').meta({ examples: ['sallyport'] }),
  clientSecret: secret.optional().describe('A reference to its secret.'),
  privateKey: z
    .string()
    .refine(isSigningKey, 'expected a private key: PEM or JWK, of RSA, an elliptic curve of NIST, or Ed25519')
    .transform((value) => new Secret(value))
    .optional()
    .describe('A reference to its private key, PEM or JWK: it then signs in by private_key_jwt.'),
  privateKeyId: words.optional().describe('The `kid` of that key, where the issuer knows more than one.'),
  clientAuthentication: z
    .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
    .optional()
    .describe('How it signs in. Default: client_secret_basic with a secret, private_key_jwt with a key.'),
  audience: words.optional().describe('Whom the token is for, as this issuer names the backend.'),
  resource: z.url().optional().describe('The same as an address (RFC 8707).'),
  scopes: z.array(words).min(1).optional().describe('All that the token may do at the backend.'),
};

export const CLIENT_SECRETS = ['clientSecret', 'privateKey'] as const;

export interface OAuthClientOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: Secret | undefined;
  readonly privateKey?: Secret | undefined;
  readonly privateKeyId?: string | undefined;
  readonly clientAuthentication?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | undefined;
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/** One way to sign in, and what it takes. */
export function signsIn({ clientSecret, privateKey, clientAuthentication }: Partial<OAuthClientOptions>): boolean {
  if ((clientSecret === undefined) === (privateKey === undefined)) return false;
  return (
    clientAuthentication === undefined || (clientAuthentication === 'private_key_jwt') === (privateKey !== undefined)
  );
}
export const SIGNS_IN =
  'expected `clientSecret` (with client_secret_basic or client_secret_post) or `privateKey` (with private_key_jwt)';

export interface GrantedToken {
  readonly token: string;
  /** Milliseconds since the Unix epoch; undefined where the issuer does not say. */
  readonly endsAt: number | undefined;
}

export class OAuthClients {
  /** By options, which live as long as the policies that declare them. */
  readonly #configurations = new WeakMap<OAuthClientOptions, Promise<oauth.Configuration>>();

  /** What the issuer says of itself. Throws CredentialError. */
  async metadata(options: OAuthClientOptions): Promise<Readonly<oauth.ServerMetadata>> {
    return this.#asking(options, [], (configuration) => Promise.resolve(configuration.serverMetadata()));
  }

  /**
   * Asks for a token by a grant, for no more than the options say. Throws CredentialError, with what the operator should fix.
   *
   * @param sent what the parameters hold that no message may repeat
   */
  async token(
    options: OAuthClientOptions,
    grantType: string,
    parameters: Readonly<Record<string, string>>,
    sent: readonly Secret[] = [],
  ): Promise<GrantedToken> {
    const { audience, resource, scopes } = options;
    const now = Date.now();
    const answer = await this.#asking(options, sent, (configuration) =>
      oauth.genericGrantRequest(configuration, grantType, {
        ...parameters,
        ...(audience === undefined ? {} : { audience }),
        ...(resource === undefined ? {} : { resource }),
        ...(scopes === undefined ? {} : { scope: scopes.join(' ') }),
      }),
    );
    const { token_type: type, scope, expires_in: lifeS, access_token: token } = answer;
    if (type.toLowerCase() !== 'bearer') throw unfit(options, `it gave a token of type ${printable(type)}, not bearer`);
    const wider = scopes && scope?.split(' ').filter((given) => given !== '' && !scopes.includes(given));
    if (wider !== undefined && wider.length > 0) {
      throw unfit(options, `it gave more than the scopes that were asked for: ${printable(wider.join(' '))}`);
    }
    return { token, endsAt: lifeS === undefined ? undefined : now + lifeS * 1000 };
  }

  /** The token as a lease hands it out, revoked with it (RFC 7009) where the issuer offers that. */
  credential(options: OAuthClientOptions, { token, endsAt }: GrantedToken): IssuedCredential {
    const held = new Secret(token);
    const ends = endsAt === undefined ? {} : { endsAt };
    return { fields: { token: held }, ...ends, revoke: () => this.#revoke(options, held) };
  }

  async #revoke(options: OAuthClientOptions, token: Secret): Promise<boolean> {
    const { revocation_endpoint: endpoint } = await this.metadata(options);
    if (endpoint === undefined) return false;
    try {
      await this.#asking(options, [token], (configuration) =>
        oauth.tokenRevocation(configuration, token.reveal(), { token_type_hint: 'access_token' }),
      );
      return true;
    } catch (error) {
      // RFC 7009, section 2.2.1: it does not revoke tokens of this kind.
      if (error instanceof IssuerRefusal && error.said === 'unsupported_token_type') return false;
      throw error;
    }
  }

  async #asking<Answer>(
    options: OAuthClientOptions,
    sent: readonly Secret[],
    ask: (configuration: oauth.Configuration) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      let configuration = this.#configurations.get(options);
      if (configuration === undefined) this.#configurations.set(options, (configuration = configure(options)));
      return await ask(await configuration);
    } catch (error) {
      // The issuer may have moved its endpoints: they are asked for anew the next time.
      this.#configurations.delete(options);
      throw problem(options, sent, error);
    }
  }
}

/** The issuer gave no token. It has no cause: what the issuer wrote may quote what was sent. */
export class IssuerRefusal extends CredentialError {
  /** The error code of its answer (RFC 6749, section 5.2); undefined where it did not answer. */
  readonly said: string | undefined;

  constructor(detail: string, said: string | undefined) {
    super('credential_unavailable', detail);
    this.said = said;
  }
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof oauth.ResponseBodyError) return error.error;
  if (error instanceof oauth.WWWAuthenticateChallengeError) return error.cause[0]?.parameters.error ?? 'invalid_client';
  return undefined;
}

/** Warns where nothing bounds what the token may do. */
export function warnOfWideTokens({ audience, resource, scopes }: OAuthClientOptions, report: Report): void {
  if (audience !== undefined || resource !== undefined || scopes !== undefined) return;
  report.warning(
    { path: ['kind'] },
    'the token may do all that the client may do at the issuer',
    'name the backend by `audience` or `resource`, and what it may do there by `scopes`',
  );
}

async function configure(options: OAuthClientOptions): Promise<oauth.Configuration> {
  const issuer = new URL(options.issuer);
  return oauth.discovery(issuer, options.clientId, undefined, await authentication(options), {
    timeout: REQUEST_TIMEOUT_S,
    // An http address has passed the check of the options; an https one must not lead to http by discovery.
    execute: issuer.protocol === 'http:' ? [oauth.allowInsecureRequests] : [],
  });
}

async function authentication(options: OAuthClientOptions): Promise<oauth.ClientAuth> {
  const { clientSecret, privateKey, privateKeyId, clientAuthentication } = options;
  if (privateKey !== undefined) {
    const { key, kid = privateKeyId } = await signingKey(privateKey.reveal());
    return oauth.PrivateKeyJwt({ key, ...(kid === undefined ? {} : { kid }) });
  }
  return clientAuthentication === 'client_secret_post'
    ? oauth.ClientSecretPost(clientSecret?.reveal())
    : oauth.ClientSecretBasic(clientSecret?.reveal());
}

const FIXES: Readonly<Record<string, string>> = {
  invalid_client: 'does the issuer know clientId, its secret or key, and this clientAuthentication?',
  unauthorized_client: 'allow the client this grant type at the issuer',
  unsupported_grant_type: 'the issuer does not offer this grant type, or not to this client',
  invalid_scope: 'allow the client these scopes at the issuer',
  invalid_target: 'does the issuer know this audience or resource, and may the client have tokens for it?',
  invalid_grant: "the issuer does not take the caller's token in exchange; may this client exchange it?",
  access_denied: 'the issuer does not allow this client to act for the caller',
};

function problem(options: OAuthClientOptions, sent: readonly Secret[], error: unknown): IssuerRefusal {
  const { issuer, clientId, clientSecret } = options;
  const secrets = [...sent, ...(clientSecret === undefined ? [] : [clientSecret])];
  const code = codeOf(error);
  const said = without(secrets, saidBy(error));
  const fix = code === undefined ? connectionProblem(rootOf(error)) : FIXES[code];
  const detail = `${clientId} at ${issuer}: ${said}${fix === undefined ? '' : ` (${fix})`}`;
  return new IssuerRefusal(detail, code);
}

function unfit({ clientId, issuer }: OAuthClientOptions, what: string): CredentialError {
  return new CredentialError('credential_unavailable', `${clientId} at ${issuer}: ${what}`);
}

function saidBy(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError)
    return [error.error, error.error_description].filter((part) => part !== undefined).join(': ');
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    const { error: code, error_description: description } = error.cause[0]?.parameters ?? {};
    return [code ?? `status ${error.status}`, description].filter((part) => part !== undefined).join(': ');
  }
  const root = rootOf(error);
  return root instanceof Error ? root.message : 'the request failed';
}

/** fetch hides why a connection failed one level down. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** An issuer that quotes what it was sent must not get it into the log. */
function without(secrets: readonly Secret[], text: string): string {
  const clean = secrets.reduce((rest, held) => rest.replaceAll(held.reveal(), String(held)), text);
  return printable(clean).slice(0, MAX_SAID_CHARS);
}
