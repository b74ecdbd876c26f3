// The switches and grants of the console in a real browser, with real people of the real provider, and without scripts.
import { readFileSync, writeFileSync } from 'node:fs';
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

async function signedIn(email: string, path: string): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(broker.publicUrl + path);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(broker.provider.people.get(email)!.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(broker.publicUrl + path);
  return { context, page };
}

const main = (page: Page): Promise<string> => page.getByRole('main').innerText();

/** Unfolds a change, says why, and makes it. */
async function change(page: Page, label: string, reason: string): Promise<void> {
  const folded = page.locator('details').filter({ has: page.getByText(label, { exact: true }) });
  await folded.locator('summary').click();
  await folded.getByLabel('Reason').fill(reason);
  await folded.getByRole('button', { name: label, exact: true }).click();
}

describe('the switches of the console', () => {
  it('let an admin block, unblock, disable, enable and revoke, each with a reason', async () => {
    const { context, page } = await signedIn('paula@shop.example', '/console/switches');
    expect(await page.getByRole('navigation').innerText()).toContain('Switches');
    for (const empty of ['Nobody is blocked.', 'No session runs.', 'No lease is open.'])
      expect(await main(page)).toContain(empty);
    const { reply } = await refunds.ask();
    await page.reload();
    expect(await main(page)).toMatch(/support-agent\s+session [0-9a-f-]{36}/);
    // The look ahead that approvers are shown has made a lease.
    const [revoke = ''] = await page.locator('summary').filter({ hasText: 'Revoke' }).allInnerTexts();
    await change(page, revoke, 'seen elsewhere');
    expect(refunds.entries('type', 'lease.recalled')).toMatchObject([{ reason: 'seen elsewhere' }]);

    await page.getByText('Block somebody').click();
    await page.getByLabel('What is meant').selectOption('agent');
    await page.getByLabel('Its name in the log').fill('support-agent');
    await page.locator('#reason-block').fill('<b>astray</b>');
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    expect((await reply).result.content[0]?.text).toContain('An operator has blocked this agent.');
    expect(await main(page)).toContain('<b>astray</b>');
    await change(page, 'Unblock agent support-agent', 'well again');
    expect(await main(page)).toContain('Nobody is blocked.');

    await change(page, 'Disable shop', 'it moves');
    expect(await main(page)).toContain('disabled');
    await change(page, 'Enable shop', 'it has moved');
    expect(await main(page)).not.toContain('disabled');
    const types = ['principal.blocked', 'principal.unblocked', 'backend.disabled', 'backend.enabled'];
    for (const type of types) expect(refunds.entries('type', type)).toMatchObject([{ person: { name: 'Paula' } }]);
    expect(await page.content()).not.toMatch(/<script/);
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
    await context.close();
  });

  it('can be looked at by an auditor, and by nobody else', async () => {
    const sam = await signedIn('sam@shop.example', '/console/switches');
    expect(await main(sam.page)).toContain('Backends');
    expect(await sam.page.locator('details').count()).toBe(0);
    const csrf = await sam.page.locator('input[name=csrf]').first().inputValue();
    const [session] = (await sam.context.cookies(broker.publicUrl)).filter(({ name }) => name === 'sallyport-session');
    const post = async (fields: Record<string, string>): Promise<number> => {
      const headers = { cookie: `${session!.name}=${session!.value}`, origin: broker.publicUrl };
      const body = new URLSearchParams(fields);
      return (
        await fetch(`${broker.publicUrl}/console/switches`, { method: 'POST', headers, body, redirect: 'manual' })
      ).status;
    };
    const form = { action: 'disable', target: 'shop', reason: 'x' };
    expect(await post({ ...form, csrf })).toBe(403);
    expect(await post(form)).toBe(403);
    expect(refunds.entries('type', 'backend.disabled')).toHaveLength(1);
    await sam.context.close();
    const finn = await signedIn('finn@shop.example', '/console/grants');
    expect(await main(finn.page)).toContain('No access that you may see');
    expect(await finn.page.getByRole('navigation').innerText()).not.toContain('Switches');
    expect((await finn.page.goto(`${broker.publicUrl}/console/switches`))?.status()).toBe(403);
    await finn.context.close();
  });

  it('say what a form lacks, and change nothing', async () => {
    const { context, page } = await signedIn('paula@shop.example', '/console/switches');
    await change(page, 'Disable shop', '   ');
    expect(await page.getByRole('alert').innerText()).toContain('Say why');
    await page.getByText('Block somebody').click();
    await page.getByLabel('Its name in the log').fill('paula@shop.example');
    await page.locator('#reason-block').fill('x');
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    expect(await page.getByRole('alert').innerText()).toContain('Nobody shuts themselves out');
    expect(refunds.entries('type', 'principal.blocked')).toHaveLength(1);
    await context.close();
  });
});

describe('access that was given for a while', () => {
  it('is listed, and taken back by whoever may review its approval', async () => {
    const file = join(broker.policiesDirectory, 'rules.yaml');
    const rules = readFileSync(file, 'utf8');
    writeFileSync(file, rules.replace('reason: required }', 'reason: required }\n    grant: { atMost: 30m, uses: 3 }'));
    await broker.open.reloadPolicies();
    const { id, reply } = await refunds.ask();
    const { context, page } = await signedIn('finn@shop.example', `/console/approvals/${id}`);
    await page.getByLabel('Reason').fill('a series');
    await page.getByRole('button', { name: 'Approve for a while' }).click();
    await reply;
    const paula = await signedIn('paula@shop.example', '/console/grants');
    await paula.page.getByRole('button', { name: 'Revoke' }).click();
    expect(await paula.page.getByRole('alert').innerText()).toContain('The grant still holds.');
    await paula.context.close();
    await page.getByRole('link', { name: 'Access for a while' }).click();
    expect(await main(page)).toContain('2 of 3 calls left');
    await page.getByRole('button', { name: 'Revoke' }).click();
    expect(await main(page)).toContain('No access that you may see');
    expect(refunds.entries('type', 'grant.ended')).toMatchObject([{ reason: 'revoked', person: { name: 'Finn' } }]);
    await context.close();
    writeFileSync(file, rules);
    await broker.open.reloadPolicies();
  });
});
