// The credential provider `oauth-token-exchange` (RFC 8693): the caller's own token, traded at the issuer that signed it for one
// that is good at the backend alone. The person stays its subject; the agent, which the caller's token names, stays its actor.
import { decodeJwt } from 'jose';
import { z } from 'zod';
import type { CredentialProvider, LeaseRequest } from '../core/credential.ts';
import { CredentialError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { CLIENT_SECRETS, clientKeys, IssuerRefusal, OAuthClients, SIGNS_IN, signsIn } from './oauth-client.ts';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const options = z
  .strictObject(clientKeys)
  .refine(signsIn, SIGNS_IN)
  .refine(
    ({ audience, resource }) => audience !== undefined || resource !== undefined,
    'expected `audience` or `resource`: the token must be good at this backend alone',
  );

type Options = z.output<typeof options>;

export function oauthTokenExchange(): CredentialProvider<Options> {
  const clients = new OAuthClients();
  const exchange = (given: Options, subject: Secret) =>
    clients.token(
      given,
      TOKEN_EXCHANGE,
      {
        subject_token: subject.reveal(),
        subject_token_type: ACCESS_TOKEN,
        requested_token_type: ACCESS_TOKEN,
      },
      [subject],
    );

  return {
    kind: 'oauth-token-exchange',
    options,
    secrets: CLIENT_SECRETS,

    reference: ({ id }) => id,

    async issue(given, lease) {
      const subject = subjectToken(given, lease);
      const granted = await exchange(given, subject);
      const wide = stillGoodElsewhere(given, subject.reveal(), granted.token);
      if (wide !== undefined) {
        await clients.credential(given, granted).revoke?.();
        throw unavailable(given, wide);
      }
      return clients.credential(given, granted);
    },

    /** No person is there whose token could be exchanged: the issuer is asked to refuse one, and why it does tells enough. */
    async examine(given, report) {
      try {
        await exchange(given, new Secret('sallyport-check'));
      } catch (error) {
        if (!(error instanceof CredentialError)) throw error;
        if (error instanceof IssuerRefusal && ['invalid_grant', 'invalid_request'].includes(error.said ?? '')) return;
        report.error({ path: ['issuer'] }, error.detail);
      }
    },
  };
}

function subjectToken(given: Options, { inbound }: LeaseRequest): Secret {
  if (inbound === undefined) throw unavailable(given, "the call brought no token of the caller's to exchange");
  const subject = inbound.subjectTokenFor(given.issuer);
  if (subject !== undefined) return subject;
  throw unavailable(
    given,
    `the caller's token is of ${inbound.issuer}, and is sent to no other issuer (name that one as \`issuer\`)`,
  );
}

/** Why the exchanged token would open more than the backend; undefined where that cannot be seen. */
function stillGoodElsewhere({ audience, resource }: Options, subject: string, token: string): string | undefined {
  if (token === subject) return "it gave the caller's own token back";
  const [before, after] = [audiencesOf(subject), audiencesOf(token)];
  const kept = after.filter((one) => before.includes(one) && one !== audience && one !== resource);
  return kept.length === 0 ? undefined : `the token it gave is still good at ${kept.join(', ')}`;
}

function audiencesOf(token: string): readonly string[] {
  try {
    const { aud = [] } = decodeJwt(token);
    return typeof aud === 'string' ? [aud] : aud;
  } catch {
    return []; // Opaque: only the issuer can tell.
  }
}

function unavailable({ clientId, issuer }: Options, what: string): CredentialError {
  return new CredentialError('credential_unavailable', `${clientId} at ${issuer}: ${what}`);
}
