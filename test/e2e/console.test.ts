// The console in a real browser, with real people of the real provider: sign in, see, decide, sign out.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { launchChromium } from '../support/chromium.ts';
import { refundsOn, type Refunds } from '../support/waiting-refunds.ts';

let broker: TestBroker;
let refunds: Refunds;
let browser: Browser;

beforeAll(async () => {
  [broker, browser] = await Promise.all([startTestBroker(), launchChromium()]);
  refunds = refundsOn(broker);
});
afterAll(async () => {
  await browser.close();
  await broker[Symbol.asyncDispose]();
});

/** A browser of its own, in which this person has signed in on the way to `path`. */
async function signedIn(email: string, path = '/console/approvals'): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(broker.publicUrl + path);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(broker.provider.people.get(email)!.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(broker.publicUrl + path);
  return { context, page };
}

describe('the console', () => {
  it('takes an approver from the link to the decision, and the call runs', async () => {
    const { id, order, reply } = await refunds.ask();
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Refund an order');
    const shown = await page.getByRole('main').innerText();
    for (const part of [
      'refund_order',
      'support-agent',
      'large-refunds-need-finance',
      String(order),
      '60',
      'one of group finance',
      `order ${order}`,
      'EUR paid, not refunded before',
    ]) {
      expect(shown).toContain(part);
    }
    await page.getByText('How the backend would do it').click();
    expect(await page.getByRole('main').innerText()).toContain('Update on orders');
    expect(refunds.entries('approval', id).map(({ type }) => type)).toEqual(['approval.requested']);

    // By keyboard alone, as somebody would who uses no mouse.
    await page.getByLabel('Reason').focus();
    await page.keyboard.type('the goods came back');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('Approve this call');
    await page.keyboard.press('Enter');
    await page.getByText('the goods came back').waitFor();
    expect((await reply).result.structuredContent).toMatchObject({ rowCount: 1 });
    expect(await refunds.isRefunded(order)).toBe(true);

    await page.reload();
    expect(await page.getByRole('main').innerText()).toContain('approved, and made');
    expect(await page.getByRole('button', { name: 'Approve this call' }).count()).toBe(0);
    await context.close();
  });

  it('asks for a reason where the rule wants one, and keeps what was typed', async () => {
    const { id, reply } = await refunds.ask();
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    await page.getByRole('button', { name: 'Deny' }).click();
    expect(await page.locator('textarea:invalid').count()).toBe(1);
    // Blanks pass the browser; the broker wants words.
    await page.getByLabel('Reason').fill('   ');
    await page.getByRole('button', { name: 'Deny' }).click();
    expect(await page.getByRole('alert').innerText()).toContain('Give a reason');
    await page.getByLabel('Reason').fill('<b>not</b> ours');
    await page.getByRole('button', { name: 'Deny' }).click();
    expect(await page.getByRole('main').innerText()).toContain('<b>not</b> ours');
    expect((await reply).result.content[0]?.text).toContain('Finn declined this call and said: <b>not</b> ours');
    await context.close();
  });

  it('gives access for a while where the rule allows it, and shows why the agent asks', async () => {
    const file = join(broker.policiesDirectory, 'rules.yaml');
    const rules = readFileSync(file, 'utf8');
    const more = 'reason: required, justification: required }\n    grant: { atMost: 30m, uses: 3, same: [order_id] }';
    writeFileSync(file, rules.replace('reason: required }', more));
    await broker.open.reloadPolicies();
    const { id, reply } = await refunds.ask(undefined, { justification: 'the parcel was lost \u202e<i>' });
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    expect(await page.getByRole('main').innerText()).toContain('the parcel was lost \\u{202e}<i>');
    await page.getByLabel('Reason').fill('as often as it takes');
    await page.getByLabel('Minutes').fill('10');
    // Enter in a field decides nothing.
    await page.keyboard.press('Enter');
    expect(refunds.entries('approval', id).map(({ type }) => type)).toEqual(['approval.requested']);
    await page.getByLabel('Calls').fill('2');
    await page.getByRole('button', { name: 'Approve for a while' }).click();
    await page.getByText('as often as it takes').waitFor();
    expect((await reply).result.structuredContent).toMatchObject({ rowCount: 1 });
    const given = refunds.entries('type', 'grant.given').at(-1) as unknown as Record<string, unknown>;
    expect(given).toMatchObject({ approval: id, uses: 2 });
    await context.close();
    writeFileSync(file, rules);
    await broker.open.reloadPolicies();
  });

  it('lists what waits, says when nothing does, and shows nobody what is not theirs', async () => {
    const ada = await signedIn('ada@shop.example');
    expect(await ada.page.getByRole('main').innerText()).toContain('Nothing waits for you.');
    const { id, reply } = await refunds.ask();
    const refused = await ada.page.goto(`${broker.publicUrl}/console/approvals/${id}`);
    expect(refused?.status()).toBe(403);
    expect(await ada.page.getByRole('main').innerText()).toContain('You are neither');
    await ada.context.close();

    const paula = await signedIn('paula@shop.example', `/console/approvals/${id}`);
    expect(await paula.page.getByRole('main').innerText()).toContain('does not name you');
    expect(await paula.page.getByRole('button', { name: 'Approve this call' }).count()).toBe(0);
    await paula.context.close();

    const finn = await signedIn('finn@shop.example');
    await finn.page.getByRole('link', { name: 'refund_order' }).first().click();
    await finn.page.getByLabel('Reason').fill('tidying up');
    await finn.page.getByRole('button', { name: 'Deny' }).click();
    await reply;
    const missing = await finn.page.goto(`${broker.publicUrl}/console/approvals/018f0000-0000-7000-8000-000000000000`);
    expect(missing?.status()).toBe(404);
    await finn.context.close();
  });

  it('shows nothing to a person who is blocked, and takes nothing from them', async () => {
    const { id, reply } = await refunds.ask();
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    const { accessToken } = await broker.provider.signIn('paula@shop.example');
    const change = (path: string): Promise<Response> =>
      fetch(`${broker.publicUrl}/api/v1/principals/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'subject', name: 'finn@shop.example', reason: 'on leave' }),
      });
    expect((await change('blocks')).status).toBe(201);
    await page.getByLabel('Reason').fill('x');
    await page.getByRole('button', { name: 'Deny' }).click();
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('You are blocked');
    expect((await page.goto(`${broker.publicUrl}/console/approvals`))?.status()).toBe(403);
    expect(refunds.entries('approval', id).map(({ type }) => type)).toEqual(['approval.requested']);
    expect((await change('unblocks')).status).toBe(200);
    await page.goto(`${broker.publicUrl}/console/approvals/${id}`);
    await page.getByLabel('Reason').fill('tidying up');
    await page.getByRole('button', { name: 'Deny' }).click();
    await reply;
    await context.close();
  });

  it('ends the session on sign-out, and writes every sign-in down', async () => {
    const { context, page } = await signedIn('finn@shop.example');
    await page.getByRole('button', { name: 'Sign out' }).click();
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Signed out');
    expect((await context.cookies(broker.publicUrl)).filter(({ name }) => name === 'sallyport-session')).toEqual([]);
    await context.close();
    expect(refunds.entries('type', 'signin').at(-1)).toMatchObject({
      person: { subject: 'finn@shop.example', name: 'Finn' },
    });
  });

  it('says so when the issuer did not sign somebody in', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const asked = page.waitForRequest((request) => new URL(request.url()).searchParams.has('state'));
    await page.goto(`${broker.publicUrl}/console/approvals`);
    const state = new URL((await asked).url()).searchParams.get('state')!;
    const answer = new URLSearchParams({ error: 'access_denied', state, iss: broker.provider.issuer });
    const back = await page.goto(`${broker.publicUrl}/console/callback?${answer.toString()}`);
    expect(back?.status()).toBe(502);
    expect(await page.getByRole('main').innerText()).toContain('access_denied');
    await context.close();
  });

  it('fits a small screen and follows the reader into the dark, without scripts or anything from elsewhere', async () => {
    const { context, page } = await signedIn('finn@shop.example');
    const wide = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')).not.toBe(wide);
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
    const answer = await page.reload();
    const headers = answer!.headers();
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).not.toContain('script-src');
    expect(headers['cache-control']).toBe('no-store');
    expect(await page.content()).not.toMatch(/<script|https?:\/\/(?!127\.0\.0\.1)/);
    await context.close();
  });
});

describe('a decision counts only when the person made it on a page of the console', () => {
  it('not by a GET, and not by a form without its token, its session or its origin', async () => {
    const { id, reply } = await refunds.ask();
    const address = `${broker.publicUrl}/console/approvals/${id}`;
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    const csrf = await page.locator('form:has(textarea) input[name=csrf]').inputValue();
    const [session] = (await context.cookies(broker.publicUrl)).filter(({ name }) => name === 'sallyport-session');
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
    const cookie = `${session!.name}=${session!.value}`;
    const origin = broker.publicUrl;
    const form = { verdict: 'approve', reason: 'x' };
    const post = async (headers: Record<string, string>, fields: Record<string, string>): Promise<number> =>
      (await fetch(address, { method: 'POST', headers, body: new URLSearchParams(fields), redirect: 'manual' })).status;

    await page.goto(`${address}?verdict=approve&reason=x&csrf=${csrf}`);
    expect(await post({ cookie, origin }, form)).toBe(403);
    expect(await post({ cookie, origin }, { ...form, csrf: `${csrf.slice(1)}A` })).toBe(403);
    expect(await post({ cookie }, { ...form, csrf })).toBe(403);
    expect(await post({ cookie, origin: 'null' }, { ...form, csrf })).toBe(403);
    expect(await post({ cookie, origin: 'https://evil.example' }, { ...form, csrf })).toBe(403);
    expect(await post({ cookie, origin, 'content-type': 'text/plain' }, { ...form, csrf })).toBe(403);
    expect(await post({ origin }, { ...form, csrf })).toBe(401);
    expect(await post({ cookie: `${cookie.slice(0, -8)}AAAAAAAA`, origin }, { ...form, csrf })).toBe(401);
    expect(await post({ cookie, origin }, { ...form, csrf, verdict: 'maybe' })).toBe(400);
    expect(refunds.entries('approval', id).map(({ type }) => type)).toEqual(['approval.requested']);
    expect(await post({ cookie, origin }, { ...form, csrf, verdict: 'deny' })).toBe(303);
    await context.close();
    expect((await reply).result.isError).toBe(true);
  });

  it('not by a page of another site that a signed-in person looks at', async () => {
    const { id, reply } = await refunds.ask();
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    const csrf = await page.locator('form:has(textarea) input[name=csrf]').inputValue();
    // Another port of the same host is the same site to a browser: it sends the cookie along.
    await using site = await startSite(`<form method="post" action="${broker.publicUrl}/console/approvals/${id}">
<input name="verdict" value="approve"><input name="reason" value="x"><input name="csrf" value="${csrf}"><button>Win</button></form>`);
    await page.goto(site.url);
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.getByRole('button', { name: 'Win' }).click();
    expect((await answered).status()).toBe(403);
    expect((await (await answered).request().allHeaders())['cookie']).toContain('sallyport-session=');
    expect(refunds.entries('approval', id).map(({ type }) => type)).toEqual(['approval.requested']);
    refunds.makeLate(id);
    await page.goto(`${broker.publicUrl}/console/approvals/${id}`);
    expect(await page.getByRole('main').innerText()).toContain('expired');
    expect(await page.getByRole('button', { name: 'Approve this call' }).count()).toBe(0);
    await context.close();
    await reply;
  });
});

async function startSite(body: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
