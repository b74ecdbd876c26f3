import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { isAccessToken, principalFacts } from '../../../src/identity/token-claims.ts';
import { trusted } from '../../support/identity-provider.ts';

const issuer = { issuer: 'https://issuer.example' };
const claims = { sub: 'ada', exp: 1_800_000_000, client_id: 'agent' };
const facts = (more: JsonObject, groupsClaim = 'groups', prefix = ''): unknown =>
  principalFacts({ ...claims, ...more }, trusted(issuer, { groupsClaim }), prefix);

describe('groups', () => {
  test.each([
    ['a list', { groups: ['Domain Users', 'support'] }, 'groups', ['Domain Users', 'support']],
    [
      'one string, parted by spaces or commas',
      { groups: 'support, finance ops' },
      'groups',
      ['support', 'finance', 'ops'],
    ],
    ['a nested claim', { realm_access: { roles: ['support'] } }, 'realm_access.roles', ['support']],
    [
      'a claim with dots in its own name',
      { 'https://shop.example/groups': ['support'] },
      'https://shop.example/groups',
      ['support'],
    ],
    ['none', {}, 'groups', []],
    ['an empty list', { groups: [] }, 'groups', []],
  ])('are read from %s', (_what, more, claim, expected) => {
    expect(facts(more, claim)).toMatchObject({ groups: expected });
  });

  test('carry their issuer’s name where there are several', () => {
    expect(facts({ groups: ['finance', 'entra:finance'] }, 'groups', 'okta:')).toMatchObject({
      groups: ['okta:finance', 'okta:entra:finance'],
    });
  });

  test.each([[{ groups: null }], [{ groups: 7 }], [{ groups: [['support']] }], [{ _claim_names: { groups: 'a' } }]])(
    'that cannot be read are not taken for none: %j',
    (more) => {
      expect(facts(more)).toMatchObject({ failure: 'invalid_claims' });
    },
  );
});

describe('the actor', () => {
  test.each([
    [{ client_id: 'a' }, 'a'],
    [{ client_id: undefined, azp: 'b' }, 'b'],
    [{ client_id: undefined, cid: 'c' }, 'c'],
    [{ client_id: undefined, appid: 'd' }, 'd'],
    [{ act: { sub: 'e', act: { sub: 'f' } } }, 'e'],
  ])('of %j is %s', (more, actor) => {
    expect(facts(more as unknown as JsonObject)).toMatchObject({ actor });
  });

  test.each([[{ act: {} }], [{ act: 'agent' }], [{ act: null }], [{ act: { sub: '' } }], [{ client_id: '' }]])(
    'that is not said is nobody: %j',
    (more) => {
      expect(facts(more)).toMatchObject({ failure: 'invalid_claims' });
    },
  );
});

test.each([
  [{ scope: 'a b' }, ['a', 'b']],
  [{ scp: ['a', 'b'] }, ['a', 'b']],
  [{ scp: 'a b' }, ['a', 'b']],
  [{}, []],
])('scopes of %j are %j', (more, scopes) => {
  expect(facts(more as unknown as JsonObject)).toMatchObject({ scopes });
});

describe('access tokens as providers make them are taken for what they are', () => {
  test.each([
    ['RFC 9068', { typ: 'at+jwt' }, { client_id: 'a', aud: 'x' }],
    ['RFC 9068, long', { typ: 'application/at+jwt' }, { client_id: 'a', aud: 'x' }],
    ['Keycloak', { typ: 'JWT' }, { typ: 'Bearer', azp: 'a', aud: 'x', nonce: 'kept by old versions' }],
    ['Okta', {}, { cid: 'a', scp: ['tools'], aud: 'x' }],
    ['Auth0', { typ: 'JWT' }, { azp: 'a', scope: 'tools', aud: ['x', 'https://a.example/userinfo'] }],
    ['Entra ID', { typ: 'JWT' }, { azp: 'a', roles: ['tools'], aud: 'x' }],
    ['Cognito', {}, { client_id: 'a', token_use: 'access', aud: 'x' }],
  ])('%s', (_provider, header, more) => {
    expect(isAccessToken(header as unknown as JsonObject, more)).toBe(true);
  });
});

describe('other tokens are not access tokens', () => {
  test.each([
    ['an ID token of Keycloak', { typ: 'JWT' }, { typ: 'ID', azp: 'a', aud: 'a' }],
    ['a refresh token of Keycloak', { typ: 'JWT' }, { typ: 'Refresh', azp: 'a', aud: 'x' }],
    ['an ID token of Okta', {}, { aud: 'a', at_hash: 'h', amr: ['pwd'] }],
    ['an ID token of Google', {}, { azp: 'a', aud: 'a' }],
    ['an ID token of Cognito', {}, { aud: 'a', token_use: 'id' }],
    ['an ID token with a nonce, for several', {}, { aud: ['a', 'x'], azp: 'a', nonce: 'n', scope: 'openid' }],
    ['a logout token', { typ: 'logout+jwt' }, { client_id: 'a', aud: 'x' }],
    ['a DPoP proof', { typ: 'dpop+jwt' }, { client_id: 'a', aud: 'x' }],
    ['one with a type that is no string', { typ: 7 }, { client_id: 'a', aud: 'x' }],
  ])('%s', (_what, header, more) => {
    expect(isAccessToken(header as unknown as JsonObject, more)).toBe(false);
  });
});
