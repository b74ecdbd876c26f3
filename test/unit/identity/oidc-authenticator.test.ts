import { createPublicKey, createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import { importJWK, SignJWT, UnsecuredJWT, decodeJwt } from 'jose';
import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startIdentityProvider } from '../../../src/demo/identity-provider.ts';
import type { IdentityProvider } from '../../../src/demo/identity-provider.ts';
import type { TrustedIssuer } from '../../../src/identity/authenticate.ts';
import { createAuthenticator } from '../../../src/identity/oidc-authenticator.ts';
import {
  AUDIENCE,
  BROKER,
  HeldClock,
  RecordingLogger,
  door,
  forge,
  goodClaims,
  trusted,
} from '../../support/identity-provider.ts';

let provider: IdentityProvider;
beforeAll(async () => {
  provider = await startIdentityProvider({ brokers: [BROKER] });
});
afterAll(() => provider[Symbol.asyncDispose]());

const bearer = (token: string): string => `Bearer ${token}`;

describe('who is calling', () => {
  test('an agent that acts for a person: the person is the subject, the agent the actor', async () => {
    const token = await provider.accessToken({ subject: 'ada@shop.example' });
    expect(await door(trusted(provider)).authenticate(bearer(token))).toMatchObject({
      principal: {
        issuer: provider.issuer,
        subject: 'ada@shop.example',
        actor: 'support-agent',
        groups: ['support'],
        expiresAt: decodeJwt(token).exp! * 1000,
      },
    });
  });

  test('an agent that acts for itself is both', async () => {
    const token = await provider.accessToken({ groups: ['finance'] });
    expect(await door(trusted(provider)).authenticate(bearer(token))).toMatchObject({
      principal: { subject: 'finance-agent', actor: 'finance-agent', groups: ['finance'] },
    });
  });

  test('of several actors in a row, the outermost is the one that acts', async () => {
    const act = { sub: 'second-agent', act: { sub: 'first-agent' } };
    const token = await forge(provider, { ...goodClaims(provider), act });
    expect(await door(trusted(provider)).authenticate(bearer(token))).toMatchObject({
      principal: { subject: 'ada@shop.example', actor: 'second-agent' },
    });
  });

  test('the token is in nothing that comes out, and in nothing that is logged', async () => {
    const identity = door(trusted(provider));
    const good = await provider.accessToken();
    const bad = await forge(provider, { ...goodClaims(provider), aud: 'https://elsewhere.example' });
    const results = [await identity.authenticate(bearer(good)), await identity.authenticate(bearer(bad))];
    const seen = inspect([results, identity.logger.said], { depth: Infinity, showHidden: true });
    for (const part of [...good.split('.'), ...bad.split('.')]) expect(seen).not.toContain(part);
  });

  test('the scheme may be written in any case, as HTTP has it', async () => {
    const token = await provider.accessToken();
    expect(await door(trusted(provider)).authenticate(`bearer ${token}`)).toHaveProperty('principal');
  });
});

describe('a token is refused', () => {
  const refused = async (authorization: string | undefined): Promise<unknown> =>
    await door(trusted(provider)).authenticate(authorization);
  const refusedClaims = async (claims: JWTPayload, header = {}): Promise<unknown> =>
    await refused(bearer(await forge(provider, { ...goodClaims(provider), ...claims }, header)));
  const now = (): number => Math.floor(Date.now() / 1000);

  test('when there is none', async () => {
    expect(await refused(undefined)).toEqual({ failure: 'missing' });
    expect(await refused('Basic YWRhOmFkYQ==')).toEqual({ failure: 'missing' });
    expect(await refused('')).toEqual({ failure: 'missing' });
  });

  test('with another audience, even one whose name begins alike', async () => {
    expect(await refused(bearer((await provider.signIn('ada@shop.example')).accessToken))).toMatchObject({
      failure: 'wrong_audience',
    });
    expect(await refusedClaims({ aud: `${AUDIENCE}/` })).toMatchObject({ failure: 'wrong_audience' });
    expect(await refusedClaims({ aud: [] })).toMatchObject({ failure: 'wrong_audience' });
    const { aud, ...without } = goodClaims(provider);
    expect(await refused(bearer(await forge(provider, without)))).toMatchObject({ failure: 'wrong_audience' });
  });

  test('of another issuer, whoever signed it', async () => {
    expect(await refusedClaims({ iss: 'https://elsewhere.example' })).toEqual({ failure: 'wrong_issuer' });
    expect(await refusedClaims({ iss: `${provider.issuer}/` })).toEqual({ failure: 'wrong_issuer' });
    const { iss, ...without } = goodClaims(provider);
    expect(await refused(bearer(await forge(provider, without)))).toEqual({ failure: 'wrong_issuer' });
  });

  test('once expired, with half a minute for clocks that differ', async () => {
    expect(await refusedClaims({ exp: now() - 31 })).toMatchObject({ failure: 'expired' });
    expect(await refusedClaims({ exp: now() - 20 })).toHaveProperty('principal');
  });

  test('before its time', async () => {
    expect(await refusedClaims({ nbf: now() + 40 })).toMatchObject({ failure: 'not_yet_valid' });
    expect(await refusedClaims({ nbf: now() + 20 })).toHaveProperty('principal');
  });

  test('when it would never expire, or is nobody’s', async () => {
    const { exp, ...eternal } = goodClaims(provider);
    expect(await refused(bearer(await forge(provider, eternal)))).toMatchObject({ failure: 'invalid_claims' });
    expect(await refusedClaims({ exp: 1e300 })).toMatchObject({ failure: 'invalid_claims' });
    const { sub, ...nobodys } = goodClaims(provider);
    expect(await refused(bearer(await forge(provider, nobodys)))).toMatchObject({ failure: 'invalid_claims' });
    expect(await refusedClaims({ sub: '' })).toMatchObject({ failure: 'invalid_claims' });
  });

  test('without a signature', async () => {
    const unsigned = new UnsecuredJWT(goodClaims(provider)).encode();
    expect(await refused(bearer(unsigned))).toEqual({ failure: 'bad_algorithm' });
    const [header, claims] = (await provider.accessToken()).split('.');
    expect(await refused(bearer(`${header!}.${claims!}.`))).toMatchObject({ failure: 'bad_signature' });
    expect(await refused(bearer(`${header!}.${claims!}`))).toEqual({ failure: 'malformed' });
  });

  test('signed with the public key as if it were a shared secret', async () => {
    const { d, p, q, dp, dq, qi, ...publicKey } = provider.keys[0]!;
    const spki = createPublicKey({ key: publicKey, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    for (const secret of [String(spki), String(spki).trim(), JSON.stringify(publicKey)]) {
      const token = await new SignJWT(goodClaims(provider))
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: publicKey.kid! })
        .sign(createSecretKey(secret, 'utf8'));
      expect(await refused(bearer(token))).toEqual({ failure: 'bad_algorithm' });
    }
  });

  test('signed by somebody else under the same key id', async () => {
    await using impostor = await startIdentityProvider({ keyId: provider.keys[0]!.kid! });
    expect(await refused(bearer(await forge(impostor, goodClaims(provider))))).toMatchObject({
      failure: 'bad_signature',
    });
  });

  test('with a claim changed after signing', async () => {
    const [header, , signature] = (await forge(provider, goodClaims(provider))).split('.');
    const changed = Buffer.from(JSON.stringify({ ...goodClaims(provider), groups: ['platform'] })).toString(
      'base64url',
    );
    expect(await refused(bearer(`${header!}.${changed}.${signature!}`))).toMatchObject({ failure: 'bad_signature' });
  });

  test('with an algorithm that its issuer is not configured for', async () => {
    const identity = door(trusted(provider, { algorithms: ['ES256'] }));
    expect(await identity.authenticate(bearer(await provider.accessToken()))).toEqual({ failure: 'bad_algorithm' });
  });

  test('in any spelling but its own', async () => {
    const token = await provider.accessToken();
    expect(await refused(bearer(token))).toHaveProperty('principal');
    const last = token.at(-1)!;
    const spareBits = token.slice(0, -1) + String.fromCharCode(last.charCodeAt(0) + 1);
    const [header, claims, signature] = token.split('.');
    for (const respelt of [
      ...[`${token} `, ` ${token}`, `${token}\n`, `${token}==`, `${token}=`, `${token}.`, `.${token}`, `"${token}"`],
      ...[`${header!}.${claims!}.${signature!.slice(0, 40)} ${signature!.slice(40)}`, `${token}, Bearer ${token}`],
      ...[`${header!}=.${claims!}.${signature!}`, spareBits, `e30.${claims!}.${signature!}x`, 'a.b.c', '..', ''],
    ]) {
      expect(await refused(bearer(respelt)), JSON.stringify(respelt.slice(-50))).toMatchObject({
        failure: expect.stringMatching(/^(malformed|bad_algorithm)$/),
      });
    }
  });

  test('with extensions it says must be understood', async () => {
    const key = provider.keys[0]!;
    const token = await new SignJWT(goodClaims(provider))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: key.kid!, crit: ['exp'], exp: 1 })
      .sign(await importJWK(key, 'RS256'), { crit: { exp: true } });
    expect(await refused(bearer(token))).toMatchObject({ failure: 'malformed' });
  });

  test('when it was not issued to call with', async () => {
    const refusal = { failure: 'not_an_access_token' };
    const { idToken } = await provider.signIn('ada@shop.example');
    const idTokensAudience = door(trusted(provider, { audience: provider.peopleClientId }));
    expect(await idTokensAudience.authenticate(bearer(idToken))).toMatchObject(refusal);
    expect(await refusedClaims({ nonce: 'n' }, { typ: 'JWT' })).toMatchObject(refusal);
    expect(await refusedClaims({ at_hash: 'h' }, { typ: 'JWT' })).toMatchObject(refusal);
    expect(await refusedClaims({ typ: 'ID' }, { typ: 'JWT' })).toMatchObject(refusal);
    expect(await refusedClaims({ token_use: 'id' }, { typ: 'JWT' })).toMatchObject(refusal);
    expect(await refusedClaims({ client_id: undefined, azp: AUDIENCE }, { typ: 'JWT' })).toMatchObject(refusal);
    expect(await refusedClaims({}, { typ: 'logout+jwt' })).toMatchObject(refusal);
  });

  test('when its groups cannot be read, since a rule might deny one of them', async () => {
    expect(await refusedClaims({ groups: { finance: true } })).toMatchObject({ failure: 'invalid_claims' });
    expect(await refusedClaims({ groups: ['support', 7] })).toMatchObject({ failure: 'invalid_claims' });
    const elsewhere = { groups: undefined, _claim_names: { groups: 'src1' } };
    expect(await refusedClaims(elsewhere)).toMatchObject({ failure: 'invalid_claims' });
  });

  test('when it lacks a scope that its issuer must give', async () => {
    const identity = door(trusted(provider, { requiredScopes: ['tools', 'more'] }));
    const lacking = await forge(provider, { ...goodClaims(provider), scope: 'openid tools' });
    expect(await identity.authenticate(bearer(lacking))).toMatchObject({ failure: 'insufficient_scope' });
    const enough = await forge(provider, { ...goodClaims(provider), scope: 'more openid tools' });
    expect(await identity.authenticate(bearer(enough))).toHaveProperty('principal');
  });
});

describe('a token that held', () => {
  test('gives the same principal again until it expires, and not a moment longer', async () => {
    const identity = door(trusted(provider));
    const token = bearer(await provider.accessToken());
    const first = await identity.authenticate(token);
    expect(first).toHaveProperty('principal');
    identity.clock.pass(9 * 60_000);
    const again = await identity.authenticate(token);
    expect('principal' in again && 'principal' in first && again.principal === first.principal).toBe(true);
    identity.clock.pass(90_000 + 2_000);
    expect(await identity.authenticate(token)).toMatchObject({ failure: 'expired' });
  });
});

describe('several issuers', () => {
  test('are told apart by the token, and their groups by name, even with the same key id', async () => {
    await using other = await startIdentityProvider({
      brokers: [BROKER],
      keyId: provider.keys[0]!.kid!,
      algorithm: 'ES256',
    });
    const identity = door(trusted(provider, { name: 'okta' }), trusted(other, { name: 'entra' }));
    expect(await identity.authenticate(bearer(await provider.accessToken()))).toMatchObject({
      principal: { issuer: provider.issuer, groups: ['okta:support'] },
    });
    expect(await identity.authenticate(bearer(await other.accessToken()))).toMatchObject({
      principal: { issuer: other.issuer, groups: ['entra:support'] },
    });
    const crossed = await forge(other, goodClaims(provider));
    expect(await identity.authenticate(bearer(crossed))).toMatchObject({ failure: 'unknown_key' });
  });

  test('need names, and are listed once', () => {
    const create = (...issuers: TrustedIssuer[]): unknown =>
      createAuthenticator({ issuers, clock: new HeldClock(), logger: new RecordingLogger() });
    const other = { issuer: 'https://other.example' };
    expect(() => create(trusted(provider, { name: 'one' }), trusted(other))).toThrow('needs a name');
    expect(() => create(trusted(other, { name: 'one' }), trusted(other, { name: 'two' }))).toThrow('listed twice');
  });
});
