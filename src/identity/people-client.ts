// The broker as a client of the issuer that people sign in at (openid-client). Effectful: discovery asks the issuer.
import * as oauth from 'openid-client';
import type { Secret } from '../core/secret.ts';
import { PEOPLE_ISSUER_TIMEOUT_S } from './limits.ts';

export interface PeopleClient {
  /** https, or http on loopback. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret: Secret | undefined;
  readonly clientAuthentication: 'client_secret_basic' | 'client_secret_post';
}

/** Rejects where the issuer cannot be reached, or its document does not hold. */
export async function discoverPeopleIssuer(client: PeopleClient): Promise<oauth.Configuration> {
  const issuer = new URL(client.issuer);
  const secured = await oauth.discovery(issuer, client.clientId, undefined, authentication(client), {
    timeout: PEOPLE_ISSUER_TIMEOUT_S,
    // An http address has passed the check of the configuration; an https one must not lead to http by discovery.
    execute: issuer.protocol === 'http:' ? [oauth.allowInsecureRequests] : [],
  });
  // The ID token says who decides: its signature is checked, and not only the connection it came by.
  oauth.enableNonRepudiationChecks(secured);
  return secured;
}

/** Of what tells who somebody is, that which this issuer knows: some refuse a request that asks for more. */
export function identityScopes(configuration: oauth.Configuration, more: readonly string[] = []): string {
  const { scopes_supported: known } = configuration.serverMetadata();
  const wanted = ['openid', 'profile', 'email', 'groups', ...more];
  // A list that is left out says nothing: then only what every OpenID provider knows is asked for.
  const asked = wanted.filter((scope) => known?.includes(scope) ?? (scope !== 'groups' && scope !== 'offline_access'));
  return [...new Set(['openid', ...asked])].join(' ');
}

function authentication({ clientSecret, clientAuthentication }: PeopleClient): oauth.ClientAuth {
  if (clientSecret === undefined) return oauth.None();
  return clientAuthentication === 'client_secret_post'
    ? oauth.ClientSecretPost(clientSecret.reveal())
    : oauth.ClientSecretBasic(clientSecret.reveal());
}
