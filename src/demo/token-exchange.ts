// Token exchange (RFC 8693) for the demo's OpenID provider: an agent trades a person's access token for one that says
// who acts for whom. The person stays `sub`; the agent becomes `act`. Registered by identity-provider.ts.
import { errors } from 'oidc-provider';
import type { Provider, ResourceServer, TokenEndpointGrantContext } from 'oidc-provider';
import { createRemoteJWKSet, jwtVerify } from 'jose';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** RFC 8693 §4.1; the outermost is who acts now. */
export interface Actor {
  readonly sub: string;
  readonly act?: Actor;
}

interface ExchangeParameters {
  subject_token?: string;
  subject_token_type?: string;
  requested_token_type?: string;
  resource?: string;
  scope?: string;
}

/** Who acts in a token, by the provider's own object for it, where it came from an exchange. */
export type Actors = WeakMap<object, Actor>;

/** Both tokens, the one given and the one asked for, are for one of `resources`; anything else is refused. */
export function registerTokenExchange(
  provider: Provider,
  resources: ReadonlySet<string>,
  describe: (resource: string) => ResourceServer,
  actors: Actors,
): void {
  const keySet = createRemoteJWKSet(new URL(provider.urlFor('jwks')));

  const exchange = async (ctx: TokenEndpointGrantContext<ExchangeParameters>): Promise<void> => {
    const { client, params } = ctx.oidc;
    if (params.subject_token === undefined) throw new errors.InvalidRequest('subject_token is missing');
    if (params.subject_token_type !== ACCESS_TOKEN_TYPE) {
      throw new errors.InvalidRequest(`subject_token_type must be ${ACCESS_TOKEN_TYPE}`);
    }
    if (params.requested_token_type !== undefined && params.requested_token_type !== ACCESS_TOKEN_TYPE) {
      throw new errors.InvalidRequest(`requested_token_type must be ${ACCESS_TOKEN_TYPE}`);
    }
    const subject = await jwtVerify<{ sub: string; act?: Actor }>(params.subject_token, keySet, {
      issuer: provider.issuer,
      audience: [...resources],
      typ: 'at+jwt',
      requiredClaims: ['sub', 'exp'],
    }).catch(() => {
      throw new errors.InvalidGrant('subject_token is not a valid access token of this issuer');
    });
    if (params.resource === undefined) throw new errors.InvalidTarget('resource is missing');
    const resourceServer = new provider.ResourceServer(params.resource, describe(params.resource));

    const scopes = resourceServer.scope.split(' ');
    const unknown = params.scope?.split(' ').find((scope) => !scopes.includes(scope));
    if (unknown !== undefined) throw new errors.InvalidScope('there is no such scope at this resource', unknown);
    const scope = params.scope === undefined ? {} : { scope: params.scope };

    const { sub, act } = subject.payload;
    const token = new provider.AccessToken({
      client,
      accountId: sub,
      // An exchanged token is self-contained: nothing is kept that a grant could revoke.
      grantId: '',
      gty: TOKEN_EXCHANGE,
      resourceServer,
      ...scope,
    });
    actors.set(token, { sub: client.clientId, ...(act === undefined ? {} : { act }) });
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: token.tokenType,
      expires_in: token.expiration,
      ...scope,
    };
  };

  provider.registerGrantType<ExchangeParameters>(TOKEN_EXCHANGE, exchange, [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'resource',
    'scope',
  ]);
}
