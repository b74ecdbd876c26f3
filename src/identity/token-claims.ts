// From the verified claims of a token to who is calling. Pure; called by oidc-authenticator.ts once the signature,
// issuer, audience and times hold.
import { isJsonObject } from '../core/json.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { PrincipalFacts } from '../core/principal.ts';
import type { AuthFailure, TrustedIssuer } from './authenticate.ts';

/** RFC 9068 says `at+jwt`; most providers say `JWT` or nothing. Anything else was made for another purpose. */
const ACCESS_TOKEN_TYPES = new Set([undefined, 'jwt', 'application/jwt', 'at+jwt', 'application/at+jwt']);
/** Found in ID tokens and nowhere else, unless the token says plainly that it is an access token. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash'];

/**
 * Whether this was issued to call with. Some providers' ID tokens share issuer, keys and even the audience with access
 * tokens, and whoever a person signs in to holds one: taken for an access token, it would act as that person.
 */
export function isAccessToken(header: JsonObject, claims: JsonObject): boolean {
  const type = typeof header['typ'] === 'string' ? header['typ'].toLowerCase() : header['typ'];
  if (!ACCESS_TOKEN_TYPES.has(type as string | undefined)) return false;
  if (type === 'at+jwt' || type === 'application/at+jwt') return true;
  // Keycloak writes `typ` into the claims (Bearer, ID, Refresh, …), Cognito `token_use` (access, id).
  if (claims['typ'] !== undefined) return claims['typ'] === 'Bearer';
  if (claims['token_use'] !== undefined) return claims['token_use'] === 'access';
  if (ID_TOKEN_CLAIMS.some((claim) => claims[claim] !== undefined)) return false;
  // An ID token is for its own client; an access token that is too would carry scopes.
  const client = clientOf(claims);
  return client !== undefined && (!audiencesOf(claims).includes(client) || scopesOf(claims).length > 0);
}

/** Facts of the principal, or why there is none. `prefix` is put before every group. */
export function principalFacts(
  claims: JsonObject,
  issuer: TrustedIssuer,
  prefix: string,
): PrincipalFacts | AuthFailure {
  const { sub, exp } = claims;
  const invalid = (detail: string): AuthFailure => ({
    failure: 'invalid_claims',
    detail: `${issuer.issuer}: ${detail}`,
  });
  if (typeof sub !== 'string' || sub === '') return invalid('the token names no subject');
  if (typeof exp !== 'number' || !Number.isSafeInteger(Math.ceil(exp))) return invalid('the token names no expiry');
  const actor = actorOf(claims);
  if (actor === undefined) return invalid('the token names neither an actor (act.sub) nor a client');
  const groups = groupsOf(claims, issuer.groupsClaim);
  if (groups === undefined) return invalid(`the groups in "${issuer.groupsClaim}" cannot be read`);
  return {
    issuer: issuer.issuer,
    subject: sub,
    actor,
    groups: groups.map((group) => prefix + group),
    scopes: scopesOf(claims),
    claims,
    expiresAt: Math.floor(exp * 1000),
  };
}

/** The outermost `act` is who acts now (RFC 8693, section 4.1); an `act` that names nobody is not passed over. */
function actorOf(claims: JsonObject): string | undefined {
  const { act } = claims;
  if (act === undefined) return clientOf(claims);
  return isJsonObject(act) && typeof act['sub'] === 'string' && act['sub'] !== '' ? act['sub'] : undefined;
}

/** RFC 9068 says `client_id`; `azp`, `cid` (Okta) and `appid` (Entra ID 1.0) are what others say. */
function clientOf(claims: JsonObject): string | undefined {
  const named = [claims['client_id'], claims['azp'], claims['cid'], claims['appid']];
  return named.find((client): client is string => typeof client === 'string' && client !== '');
}

function audiencesOf({ aud }: JsonObject): readonly Json[] {
  if (typeof aud === 'string') return [aud];
  return Array.isArray(aud) ? (aud as readonly Json[]) : [];
}

/** `scope` is a list in one string (RFC 8693, section 4.2); `scp` (Okta, Entra ID) a list or such a string. */
function scopesOf(claims: JsonObject): readonly string[] {
  return listOf(claims['scope'] ?? claims['scp'], /\s+/) ?? [];
}

/**
 * None where the claim is absent; undefined where it is there and cannot be read, or is said to be kept elsewhere (OpenID
 * Connect Core, section 5.6.2; Entra ID does that to people in many groups): a rule that denies a group must not miss it.
 */
export function groupsOf(claims: JsonObject, claim: string): readonly string[] | undefined {
  const value =
    claims[claim] ??
    claim.split('.').reduce<Json | undefined>((at, key) => (isJsonObject(at) ? at[key] : undefined), claims);
  const elsewhere = claims['_claim_names'];
  if (isJsonObject(elsewhere) && claim in elsewhere) return undefined;
  return value === undefined ? [] : listOf(value, /[\s,]+/);
}

/** OpenID Connect Core, section 5.1: `name`, else `email`; undefined where there is neither. For people to recognise. */
export function nameOf(claims: JsonObject): string | undefined {
  const named = [claims['name'], claims['email']];
  return named.find((text): text is string => typeof text === 'string' && text.trim() !== '');
}

function listOf(value: Json | undefined, separator: RegExp): readonly string[] | undefined {
  if (typeof value === 'string') return value.split(separator).filter((item) => item !== '');
  if (!Array.isArray(value)) return undefined;
  const items: readonly Json[] = value;
  return items.every((item) => typeof item === 'string') ? items : undefined;
}
