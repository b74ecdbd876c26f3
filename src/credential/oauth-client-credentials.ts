// The credential provider `oauth-client-credentials`: an access token of the broker's own (RFC 6749, section 4.4), for each lease.
import { z } from 'zod';
import type { CredentialProvider } from '../core/credential.ts';
import { CredentialError } from '../core/errors.ts';
import { CLIENT_SECRETS, clientKeys, OAuthClients, SIGNS_IN, signsIn, warnOfWideTokens } from './oauth-client.ts';

const options = z.strictObject(clientKeys).refine(signsIn, SIGNS_IN);

type Options = z.output<typeof options>;

export function oauthClientCredentials(): CredentialProvider<Options> {
  const clients = new OAuthClients();
  const request = (given: Options) => clients.token(given, 'client_credentials', {});

  return {
    kind: 'oauth-client-credentials',
    options,
    secrets: CLIENT_SECRETS,
    inspect: warnOfWideTokens,

    reference: ({ id }) => id,
    issue: async (given) => clients.credential(given, await request(given)),

    async examine(given, report) {
      try {
        await clients.credential(given, await request(given)).revoke?.();
      } catch (error) {
        if (!(error instanceof CredentialError)) throw error;
        report.error({ path: ['issuer'] }, error.detail);
      }
    },
  };
}
