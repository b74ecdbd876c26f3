// The demo's OpenID provider, used as a browser, a terminal and an agent use it.
import * as openid from 'openid-client';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startIdentityProvider } from '../../src/demo/identity-provider.ts';
import type { IdentityProvider } from '../../src/demo/identity-provider.ts';
import { ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE } from '../../src/demo/token-exchange.ts';
import { AUDIENCE, BROKER } from '../support/identity-provider.ts';

let provider: IdentityProvider;
beforeAll(async () => {
  provider = await startIdentityProvider({ brokers: [BROKER] });
});
afterAll(() => provider[Symbol.asyncDispose]());

const discover = async (clientId: string, authentication: openid.ClientAuth): Promise<openid.Configuration> =>
  await openid.discovery(new URL(provider.issuer), clientId, undefined, authentication, {
    execute: [openid.allowInsecureRequests],
  });

/** As much of a browser as a sign-in needs: cookies, and forms that are sent when asked. */
class Browser {
  readonly #cookies = new Map<string, string>();

  async visit(url: URL, form?: Record<string, string>): Promise<{ url: URL; status: number; html: string }> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair] = cookie.split(';');
      const at = pair!.indexOf('=');
      this.#cookies.set(pair!.slice(0, at), pair!.slice(at + 1));
    }
    const location = response.headers.get('location');
    if (location?.startsWith(BROKER) === true) return { url: new URL(location), status: 302, html: '' };
    if (location !== null) return await this.visit(new URL(location, url));
    return { url, status: response.status, html: await response.text() };
  }
}

describe('a person', () => {
  const authorizationUrl = async (): Promise<URL> =>
    openid.buildAuthorizationUrl(await discover(provider.peopleClientId, openid.None()), {
      redirect_uri: `${BROKER}/console/callback`,
      scope: 'openid groups',
      code_challenge: await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    });

  test('signs in with their password, and with no other', async () => {
    const browser = new Browser();
    const page = await browser.visit(await authorizationUrl());
    expect(page.html).toMatch(/<input name="password" type="password"/);
    const { email, password } = provider.people.get('finn@shop.example')!;
    for (const wrong of [
      { email, password: 'guessed' },
      { email, password: '' },
      { email: 'eve@shop.example', password },
    ]) {
      expect(await browser.visit(page.url, wrong)).toMatchObject({
        status: 401,
        html: expect.stringContaining('do not fit'),
      });
    }
    const signedIn = await browser.visit(page.url, { email, password });
    expect(signedIn.url.href).toMatch(/^http:\/\/127\.0\.0\.1:8931\/console\/callback\?code=/);
  });

  test('cannot be signed in by a page that has ended', async () => {
    const page = await new Browser().visit(new URL(`${provider.issuer}/sign-in/unknown`), {
      email: 'a',
      password: 'b',
    });
    expect(page).toMatchObject({ status: 400, html: expect.stringContaining('This sign-in has ended') });
  });

  test('gets tokens that name their groups, for the API and nothing else', async () => {
    const { accessToken, idToken } = await provider.signIn('paula@shop.example');
    expect(decodeJwt(accessToken)).toMatchObject({
      ...{ sub: 'paula@shop.example', aud: `${BROKER}/api`, client_id: provider.peopleClientId, groups: ['platform'] },
    });
    expect(decodeJwt(accessToken)).not.toHaveProperty('act');
    expect(decodeJwt(idToken)).toMatchObject({ sub: 'paula@shop.example', groups: ['platform'], name: 'Paula' });
  });

  test('signs a terminal in by its code, and stays signed in by refresh', async () => {
    const configuration = await discover(provider.peopleClientId, openid.None());
    const device = await openid.initiateDeviceAuthorization(configuration, {
      scope: 'openid',
      resource: `${BROKER}/api`,
    });
    const browser = new Browser();
    const asked = await browser.visit(new URL(device.verification_uri_complete!));
    const confirm = await submit(browser, asked);
    const signIn = await submit(browser, confirm);
    const { email, password } = provider.people.get('sam@shop.example')!;
    const done = await browser.visit(signIn.url, { email, password });
    expect(done.html).toContain('go back to your terminal');

    const tokens = await openid.pollDeviceAuthorizationGrant(
      configuration,
      { ...device, interval: 0 },
      { resource: `${BROKER}/api` },
    );
    expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: email, aud: `${BROKER}/api`, groups: ['security'] });
    const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token!, {
      resource: `${BROKER}/api`,
    });
    expect(decodeJwt(refreshed.access_token)).toMatchObject({ sub: email, aud: `${BROKER}/api` });
  });

  /** Sends the form of a page as it stands. */
  async function submit(browser: Browser, page: Awaited<ReturnType<Browser['visit']>>): ReturnType<Browser['visit']> {
    const fields = [...page.html.matchAll(/<input\s[^>]*>/g)].map(([input]) => {
      const attribute = (name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(input)?.[1] ?? '';
      return [attribute('name'), attribute('value')] as const;
    });
    const action = /<form [^>]*action="([^"]+)"/.exec(page.html);
    return action === null ? page : await browser.visit(new URL(action[1]!, page.url), Object.fromEntries(fields));
  }
});

describe('an agent', () => {
  const exchange = async (parameters: Record<string, string>): Promise<string> => {
    const { clientId, clientSecret } = provider.agents.get('support-agent')!;
    const configuration = await discover(clientId, openid.ClientSecretBasic(clientSecret));
    return await openid
      .genericGrantRequest(configuration, TOKEN_EXCHANGE, {
        subject_token_type: ACCESS_TOKEN_TYPE,
        resource: AUDIENCE,
        ...parameters,
      })
      .then(({ access_token }) => access_token);
  };

  test('gets a token for itself without saying what for', async () => {
    const { clientId, clientSecret } = provider.agents.get('support-agent')!;
    const configuration = await discover(clientId, openid.ClientSecretBasic(clientSecret));
    const { access_token } = await openid.clientCredentialsGrant(configuration);
    expect(decodeJwt(access_token)).toMatchObject({ aud: AUDIENCE, sub: 'support-agent', groups: ['support'] });
  });

  test('gets nothing for a system that nobody registered', async () => {
    await expect(provider.accessToken({ audience: 'https://elsewhere.example' })).rejects.toMatchObject({
      error: 'invalid_target',
    });
  });

  test('acts for a person whose token it holds; of two in a row, both are named', async () => {
    const first = await provider.accessToken({ subject: 'ada@shop.example', agent: 'planner', groups: ['planning'] });
    expect(decodeJwt(first)).toMatchObject({ sub: 'ada@shop.example', act: { sub: 'planner' }, groups: ['support'] });
    const second = await exchange({ subject_token: first });
    expect(decodeJwt(second)).toMatchObject({
      sub: 'ada@shop.example',
      act: { sub: 'support-agent', act: { sub: 'planner' } },
    });
  });

  test('acts for nobody with anything else in its hand', async () => {
    const { idToken, accessToken } = await provider.signIn('ada@shop.example');
    await using stranger = await startIdentityProvider({ brokers: [BROKER] });
    for (const subject_token of [idToken, `${accessToken}x`, await stranger.accessToken(), 'nothing']) {
      await expect(exchange({ subject_token })).rejects.toMatchObject({ error: 'invalid_grant' });
    }
    await expect(exchange({})).rejects.toMatchObject({ error: 'invalid_request' });
  });
});
