// The commands for people, as a terminal runs them: sign in by the device flow in a real browser, list, show, decide.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { launchChromium } from '../support/chromium.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';
import { refundsOn, type Refunds } from '../support/waiting-refunds.ts';
import { BARE_ENVIRONMENT } from '../support/bare-environment.ts';

let broker: TestBroker;
let refunds: Refunds;
let browser: Browser;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-people-'));
  [broker, browser] = await Promise.all([startTestBroker(), launchChromium()]);
  refunds = refundsOn(broker);
});
afterAll(async () => {
  await browser.close();
  await broker[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], onStderr: (text: string) => void = () => undefined, data = home): Promise<Ran> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), ...args, '--data', data], {
    env: { ...BARE_ENVIRONMENT, SALLYPORT_URL: broker.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onStderr(stderr);
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** Types the password where the terminal says, as a person would in the browser beside it. */
async function login(email: string): Promise<Ran> {
  let opened: Promise<void> | undefined;
  return run(['login'], (said) => {
    const address = /Open (http\S+)\n/.exec(said)?.[1];
    if (address !== undefined) opened ??= confirmDevice(address, email);
  }).finally(() => opened);
}

async function confirmDevice(address: string, email: string): Promise<void> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(address);
  for (let step = 0; step < 5 && (await page.getByText('You can close this page').count()) === 0; step++) {
    if ((await page.getByLabel('E-mail').count()) > 0) {
      await page.getByLabel('E-mail').fill(email);
      await page.getByLabel('Password').fill(broker.provider.people.get(email)!.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
    } else {
      await page.getByRole('button', { name: 'Continue' }).click();
    }
    await page.waitForLoadState();
  }
  await context.close();
}

describe('an operator in a terminal', () => {
  let paula: string;
  beforeAll(async () => {
    paula = await mkdtemp(join(tmpdir(), 'sallyport-operator-'));
    const { accessToken } = await broker.provider.signIn('paula@shop.example');
    const login = { broker: broker.publicUrl, accessToken, expiresAt: Date.now() + 600_000 };
    writeFileSync(join(paula, 'login.json'), JSON.stringify(login), { mode: 0o600 });
  });
  afterAll(() => rm(paula, { recursive: true }));

  const as = (...args: string[]): Promise<Ran> => run(args, undefined, paula);

  it('sees what runs, stops it, and lets it run again', async () => {
    expect(await as('leases', 'list')).toMatchObject({ code: 0, stdout: '', stderr: 'No lease is open.\n' });
    expect(await as('principals', 'list')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Nobody is blocked, and no session runs.\n',
    });
    expect((await as('backends', 'list')).stdout).toMatch(/^enabled +shop  postgres  \d+ tools, 0 open leases\n$/);

    const first = await refunds.ask();
    const session = (await as('principals', 'list')).stdout;
    expect(session).toMatch(/^running  session [0-9a-f-]{36}  support-agent  last call /);
    const why = ['--reason', 'it went astray'];
    expect(await as('principals', 'block', 'agent', 'support-agent', ...why)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^agent support-agent is blocked: \d leases?, 1 waiting approval, 0 grants ended; its running calls are stopped\n$/,
      ) as string,
    });
    expect((await first.reply).result.content[0]?.text).toContain('An operator has blocked this agent.');
    const listed = (await as('principals', 'list')).stdout;
    expect(listed).toMatch(/^blocked  agent support-agent  by Paula .*: it went astray\nblocked  session /);
    const again = await as('principals', 'block', 'agent', 'support-agent', ...why, '--json');
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stderr)).toMatchObject({ status: 409, code: 'no_change' });
    const unblocked = await as('principals', 'unblock', 'agent', 'support-agent', ...why);
    expect(unblocked).toMatchObject({ code: 0, stdout: 'agent support-agent is not blocked any more\n' });

    const second = await refunds.ask();
    const disabled = await as('backends', 'disable', 'shop', ...why, '--json');
    expect(JSON.parse(disabled.stdout)).toMatchObject({ approvals: 1, grants: 0 });
    expect((await second.reply).result.content[0]?.text).toContain('An operator has switched off the system');
    expect((await as('backends', 'list')).stdout).toMatch(/^disabled  shop .* by Paula .*: it went astray\n$/);
    expect((await as('backends', 'enable', 'shop', ...why)).stdout).toBe('backend shop is enabled\n');

    const authorization = `Bearer ${await broker.provider.accessToken({ agent: 'support-agent' })}`;
    const body = legacyCall(1, 'find_customer', { email: 'ada@example.com' });
    await send(new URL(broker.url), { headers: { ...MCP_HEADERS, authorization }, body });
    const [lease = ''] = (await as('leases', 'list')).stdout.split(' ');
    expect(await as('leases', 'revoke', lease, ...why)).toMatchObject({
      code: 0,
      stdout: `lease ${lease} is revoked\n`,
    });
    const kept = refunds.entries('type', 'principal.blocked');
    expect(kept).toMatchObject([{ kind: 'agent', name: 'support-agent', person: { name: 'Paula' } }]);
  }, 60_000);
});

describe('a person in a terminal', () => {
  it('is told to sign in first, and how', async () => {
    const { code, stderr } = await run(['approvals', 'list']);
    expect(code).toBe(2);
    expect(stderr).toContain(`sallyport login --url ${broker.publicUrl}`);
  });

  it('signs in by the device flow, and the login is theirs alone to read', async () => {
    const { code, stdout, stderr } = await login('finn@shop.example');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toContain('Finn');
    expect(stdout).toContain('groups: finance');
    expect((await stat(join(home, 'login.json'))).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['login.json']);
  }, 60_000);

  it('lists, shows and approves what waits for them, and the call runs', async () => {
    const { id, order, reply } = await refunds.ask();
    const listed = await run(['approvals', 'list', '--state', 'pending']);
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(`^${id} .*waits for you\\n$`) as string });
    // Colours are for terminals.
    expect(listed.stdout).not.toContain('\u001b');
    const shown = await run(['approvals', 'show', id]);
    for (const part of [
      `order_id: ${order}`,
      'amount: 60',
      'support-agent',
      'large-refunds-need-finance',
      '/console/',
    ]) {
      expect(shown.stdout).toContain(part);
    }
    const without = await run(['approvals', 'approve', id]);
    expect(without).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Give a reason') as string });
    const approved = await run(['approvals', 'approve', id, '--reason', 'the goods came back', '--json']);
    expect(approved.code).toBe(0);
    expect(JSON.parse(approved.stdout)).toMatchObject({
      id,
      reviews: [{ verdict: 'approve', reason: 'the goods came back' }],
    });
    expect((await reply).result.structuredContent).toMatchObject({ rowCount: 1 });
    const again = await run(['approvals', 'approve', id, '--reason', 'x', '--json']);
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stderr)).toMatchObject({ status: 409 });
  }, 60_000);

  it('denies, and the agent hears why', async () => {
    const { id, reply } = await refunds.ask();
    expect((await run(['approvals', 'deny', id, '--reason', 'not ours'])).code).toBe(0);
    expect((await reply).result.content[0]?.text).toContain('Finn declined this call and said: not ours');
  }, 60_000);

  it('gives access for a while where the rule allows it, lists it, and takes it back', async () => {
    const file = join(broker.policiesDirectory, 'rules.yaml');
    const plain = readFileSync(file, 'utf8');
    const grant = 'reason: required }\n    grant: { atMost: 30m, uses: 3 }';
    writeFileSync(file, plain.replace('reason: required }', grant));
    await broker.open.reloadPolicies();
    const { id, reply } = await refunds.ask();
    expect((await run(['approvals', 'show', id])).stdout).toContain('for up to 30m (--for) and 3 calls (--uses)');
    const give = (...more: string[]) => run(['approvals', 'approve', id, '--reason', 'a series', ...more]);
    expect(await give('--for', '30m')).toMatchObject({ code: 2, stderr: expect.stringContaining('--uses') as string });
    expect((await give('--for', 'soon', '--uses', '2')).code).toBe(2);
    expect((await give('--for', '2h', '--uses', '2')).code).toBe(1);
    expect((await give('--for', '10m', '--uses', '2')).code).toBe(0);
    expect((await reply).result.structuredContent).toMatchObject({ rowCount: 1 });

    const listed = await run(['grants', 'list']);
    expect(listed.stdout).toMatch(/^\S+ {2}refund_order {2}\S+ {2}1 of 2 calls left, (9|10) min left\n$/);
    const [granted = ''] = listed.stdout.split(' ');
    expect(await run(['grants', 'revoke', granted])).toMatchObject({ code: 0, stdout: 'Revoked.\n' });
    expect((await run(['grants', 'revoke', granted])).code).toBe(1);
    expect((await run(['grants', 'list'])).stdout).toBe('');
    const all = JSON.parse((await run(['grants', 'list', '--all', '--json'])).stdout) as { grants: unknown[] };
    expect(all.grants).toMatchObject([{ id: granted, usesLeft: 1 }]);
    writeFileSync(file, plain);
    await broker.open.reloadPolicies();
  }, 60_000);

  it('is told so where their role is not enough', async () => {
    const refused = await run(['leases', 'list']);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('role admin or') as string });
    const block = ['principals', 'block', 'agent', 'support-agent', '--reason', 'x'];
    expect(await run(block)).toMatchObject({ code: 1, stderr: expect.stringContaining('role admin') as string });
    expect((await run(block.slice(0, -2))).code).toBe(2);
    expect((await run(['principals', 'block', 'group', 'support', '--reason', 'x'])).code).toBe(2);
  }, 60_000);

  it('stays signed in when the token expires, by a new one', async () => {
    const file = join(home, 'login.json');
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...kept, accessToken: 'old', expiresAt: Date.now() - 1 }));
    expect((await run(['whoami', '--json'])).code).toBe(0);
    const renewed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(renewed['accessToken']).not.toBe('old');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  }, 60_000);

  it('never sends the login to another broker, nor in the open', async () => {
    const other = await run(['approvals', 'list', '--url', 'https://other.example']);
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`the login is for ${broker.publicUrl}`) as string,
    });
    const open = await run(['approvals', 'list', '--url', 'http://broker.example']);
    expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining('is no address of a broker') as string });
  }, 60_000);

  it('signs out, here and at the issuer', async () => {
    const { refreshToken } = JSON.parse(readFileSync(join(home, 'login.json'), 'utf8')) as { refreshToken: string };
    expect((await run(['logout'])).code).toBe(0);
    expect(await readdir(home)).toEqual([]);
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: broker.provider.peopleClientId,
    });
    expect((await fetch(`${broker.provider.issuer}/token`, { method: 'POST', body })).status).toBe(400);
    expect((await run(['whoami'])).code).toBe(2);
  }, 60_000);
});
