// Sets oidc-provider up for the demo: which clients, claims, resources and pages it has. Called by identity-provider.ts.
import { Provider, errors } from 'oidc-provider';
import type { KoaContextWithOIDC, ResourceServer } from 'oidc-provider';
import type { JWK } from 'jose';
import type { Agent, Person } from './identity-provider.ts';
import { deviceCodePage, deviceConfirmPage, messagePage } from './identity-provider-pages.ts';
import type { memoryStorage } from './identity-provider-storage.ts';
import { registerTokenExchange } from './token-exchange.ts';
import type { Actors } from './token-exchange.ts';

export type Algorithm = 'RS256' | 'PS256' | 'ES256';

export interface Realm {
  readonly issuer: string;
  readonly algorithm: Algorithm;
  readonly people: ReadonlyMap<string, Person>;
  readonly agents: ReadonlyMap<string, Agent>;
  /** Access tokens are made for these and nothing else. */
  readonly resources: ReadonlySet<string>;
  readonly tokenTtlSeconds: number;
  readonly storage: ReturnType<typeof memoryStorage>;
  readonly cookieKey: string;
}

/** Where people type their password: `<issuer>/sign-in/<uid>`. */
export const SIGN_IN_PATH = '/sign-in/';

/** A provider that signs with the first of `keys` (private JWKs) and publishes them all. */
export function buildProvider(realm: Realm, keys: readonly JWK[]): Provider {
  const actors: Actors = new WeakMap();
  const describe = (resource: string): ResourceServer => {
    if (!realm.resources.has(resource)) throw new errors.InvalidTarget('resource names no known system');
    return {
      scope: '',
      accessTokenFormat: 'jwt',
      accessTokenTTL: realm.tokenTtlSeconds,
      jwt: { sign: { alg: realm.algorithm, kid: keys[0]?.kid } },
    };
  };
  const provider = new Provider(realm.issuer, {
    adapter: realm.storage,
    jwks: { keys: keys },
    cookies: { keys: [realm.cookieKey] },
    clientDefaults: { id_token_signed_response_alg: realm.algorithm },
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    interactions: { url: (_ctx, interaction) => SIGN_IN_PATH + interaction.uid },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource(ctx, form, _out, error) {
          ctx.body = deviceCodePage(form, error && 'That code is not known, or no longer valid. Try again.');
        },
        userCodeConfirmSource(ctx, form, client, _device, code) {
          ctx.body = deviceConfirmPage(form, client.clientName ?? client.clientId, code);
        },
        successSource(ctx) {
          ctx.body = messagePage('Signed in', 'You can close this page and go back to your terminal.');
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => describe(resource),
        // An agent is there for one broker: it need not name it.
        defaultResource: (_ctx, client, oneOf) =>
          oneOf?.[0] ??
          (realm.agents.has(client.clientId)
            ? [...realm.resources].find((resource) => resource.endsWith('/mcp'))
            : undefined),
        useGrantedResource: () => true,
      },
    },
    ttl: {
      AccessToken: realm.tokenTtlSeconds,
      ClientCredentials: realm.tokenTtlSeconds,
      Session: 8 * 3600,
      Grant: 8 * 3600,
      Interaction: 600,
      DeviceCode: 600,
      IdToken: 600,
      RefreshToken: 8 * 3600,
    },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    findAccount(_ctx, email) {
      const person = realm.people.get(email);
      return (
        person && {
          accountId: person.email,
          claims: () => ({
            sub: person.email,
            name: person.name,
            email: person.email,
            email_verified: true,
            groups: person.groups,
          }),
        }
      );
    },
    loadExistingGrant: grantWhatIsAsked,
    extraTokenClaims(_ctx, token) {
      const accountId = 'accountId' in token ? token.accountId : undefined;
      const holder = accountId === undefined ? realm.agents.get(token.clientId ?? '') : realm.people.get(accountId);
      const act = actors.get(token);
      return {
        ...(holder && 'name' in holder ? { name: holder.name } : {}),
        ...(holder ? { groups: [...holder.groups] } : {}),
        ...(act ? { act } : {}),
      };
    },
    renderError(ctx, out) {
      ctx.type = 'html';
      ctx.body = messagePage('That did not work', out.error_description ?? out.error);
    },
  });
  registerTokenExchange(provider, realm.resources, describe, actors);
  return provider;
}

/** Its only clients are the demo's own, so nobody is asked whether they may have what they ask for. */
async function grantWhatIsAsked(ctx: KoaContextWithOIDC): Promise<InstanceType<Provider['Grant']> | undefined> {
  const { provider, client, session, params, resourceServers } = ctx.oidc;
  if (!client || !session?.accountId) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  if (typeof params?.['scope'] === 'string') grant.addOIDCScope(params['scope']);
  for (const [resource, server] of Object.entries(resourceServers ?? {}))
    grant.addResourceScope(resource, server.scope);
  await grant.save();
  return grant;
}
