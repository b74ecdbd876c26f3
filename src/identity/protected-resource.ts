// Protected resource metadata (RFC 9728): where a client that was refused learns which provider to ask. Pure.

export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly resource_name: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported: readonly ['header'];
}

/**
 * The document for one resource.
 *
 * @param resource its identifier, such as `https://broker.example.com/mcp`
 * @param issuers whose tokens it takes; scopes are listed only where an issuer must give some
 */
export function protectedResourceMetadata(
  resource: string,
  issuers: readonly { readonly issuer: string; readonly requiredScopes?: readonly string[] }[],
): ProtectedResourceMetadata {
  const scopes = [...new Set(issuers.flatMap(({ requiredScopes = [] }) => requiredScopes))];
  return {
    resource,
    resource_name: 'Sallyport',
    authorization_servers: issuers.map(({ issuer }) => issuer),
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
  };
}

/** The document of the people's API. It also names the client to sign in through, so that a broker's address is all a person needs. */
export function peopleResourceMetadata(
  resource: string,
  people: { readonly issuer: string; readonly clientId: string },
): ProtectedResourceMetadata & { readonly sallyport_client_id: string } {
  return { ...protectedResourceMetadata(resource, [people]), sallyport_client_id: people.clientId };
}

/** Where the document of a resource is: the well-known part stands before the resource's path (RFC 9728, section 3.1). */
export function protectedResourceMetadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`;
}
