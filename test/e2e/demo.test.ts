// The demo as a user starts it: its own process, in a temporary directory of its own.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { holdToSchema } from '../support/entry-form.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/main.ts');
const RAW = ['4242424242424242', '+44 20 7946 0011'];

let scratch: string;
let started: ChildProcessWithoutNullStreams[] = [];

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'sallyport-demo-test-'));
  // Postgres may run as another user, and makes and removes a directory of its own in there.
  await chmod(scratch, 0o1777);
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started = [];
  rmSync(scratch, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

function start(args: readonly string[], env: Record<string, string> = {}): Started {
  const { OPENAI_API_KEY: _, ...inherited } = process.env;
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...inherited, TMPDIR: scratch, ...env } });
  started.push(child);
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, stdout: () => text.stdout, stderr: () => text.stderr, ended };
}

const demo = (...args: string[]): Started => start([MAIN, 'demo', ...args]);

interface Up {
  readonly url: string;
  readonly issuer: string;
  readonly data: string;
  readonly session: string;
  readonly agent: { readonly clientId: string; readonly clientSecret: string; readonly token: string };
  readonly invocations: readonly { readonly tool: string; readonly id: string }[];
  readonly ok: boolean;
}

/** Resolves with the line that `--json` prints once it is up. */
async function up(running: Started): Promise<Up> {
  while (running.child.exitCode === null && !running.stdout().includes('\n')) await delay(20);
  if (!running.stdout().includes('\n')) throw new Error(`the demo ended: ${running.stderr()}`);
  return JSON.parse(running.stdout()) as Up;
}

/** Processes that work in the demo's temporary directory, and files in it. */
function remains(): string[] {
  const processes = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(scratch);
    } catch {
      return false;
    }
  });
  return [...processes.map((pid) => `process ${pid}`), ...readdirSync(scratch)];
}

describe.skipIf(!existsSync('/proc/self/cmdline'))('the demo', { timeout: 120_000 }, () => {
  test('with --exit tells and checks the whole story, and leaves nothing behind', async () => {
    const running = demo('--exit');
    const code = await running.ended;
    const said = running.stdout();
    expect(running.stderr()).toBe('');
    expect(code, said).toBe(0);
    expect(said).toContain('SCRIPTED');
    expect(said).toMatch(/\*{4}4242/);
    for (const raw of RAW) expect(said).not.toContain(raw);
    expect(said).toMatch(/allowed by rule support-may-look-up/);
    expect(said).toMatch(/refund_order was denied by no-refunds-above-the-limit/);
    expect(said).toMatch(/#\d+ intent/);
    expect(said).toMatch(/#\d+ outcome: succeeded/);
    expect(said).not.toContain('FAILED');
    expect(remains()).toEqual([]);
  });

  test('stays up for others to use, until it is asked to stop', async () => {
    const running = demo('--json');
    const at = await up(running);
    expect(at.ok).toBe(true);

    const curl = /# Call a tool yourself.*\n([^]*?)\n\n/.exec(running.stderr())?.[1] ?? '';
    const byHand = start([
      '-e',
      `process.exit(require('child_process').spawnSync('sh', ['-c', ${JSON.stringify(curl)}], { stdio: 'inherit' }).status)`,
    ]);
    expect(await byHand.ended, byHand.stderr()).toBe(0);
    expect(byHand.stdout()).toContain('****4444');

    const env = {
      SALLYPORT_URL: at.url,
      OIDC_ISSUER: at.issuer,
      OIDC_CLIENT_ID: at.agent.clientId,
      OIDC_CLIENT_SECRET: at.agent.clientSecret,
    };
    const preload = join(ROOT, 'test/support/scripted-default-model.ts');
    const example = start(
      ['--conditions=sallyport-source', '--import', preload, join(ROOT, 'examples/agents-sdk/main.ts')],
      env,
    );
    expect(await example.ended, example.stderr()).toBe(0);
    expect(example.stdout()).toMatch(/^I was told: .*\*{4}4242/);
    for (const raw of RAW) expect(example.stdout()).not.toContain(raw);

    const log = async (...more: string[]) => {
      const command = start([MAIN, 'log', ...more]);
      return { code: await command.ended, output: command.stdout() + command.stderr() };
    };
    const list = await log('list', '--data', at.data, '--json', '--limit', '1000');
    for (const { id } of at.invocations) expect(list.output).toContain(id);
    const entries = list.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; type: string });
    entries.forEach(holdToSchema);
    expect(entries.map(({ type }) => type)).toEqual(expect.arrayContaining(['intent', 'outcome', 'refused']));

    // What an auditor makes of it: all is well, one byte is not, and a missing end is known by a checkpoint kept elsewhere.
    await expect
      .poll(async () => (await log('verify', '--data', at.data)).output, { timeout: 5_000 })
      .toMatch(/covers (\d+) entries\npayloads.*\nThe log is what was signed/);
    const told = await log('replay', at.session, '--data', at.data);
    for (const { id } of at.invocations) expect(told.output).toContain(id);
    const copy = mkdtempSync(join(tmpdir(), 'sallyport-demo-copy-'));
    cpSync(at.data, copy, { recursive: true });
    const database = new DatabaseSync(join(copy, 'sallyport.db'));
    const newest = database.prepare('select note from checkpoints order by size desc limit 1').get();
    writeFileSync(join(copy, 'kept'), String(newest?.['note']));
    const { seq } = entries.find(({ type }) => type === 'outcome')!;
    database.exec(`update entries set body = replace(body, 'succeeded', 'succeedee') where seq = ${seq}`);
    expect(await log('verify', '--data', copy)).toMatchObject({ code: 1 });
    expect((await log('verify', '--data', copy)).output).toMatch(`bad  entry ${seq} does not fit its hash`);
    database.exec(`update entries set body = replace(body, 'succeedee', 'succeeded') where seq = ${seq}`);
    for (const rows of ['entries where seq', 'payloads where seq', 'checkpoints where size']) {
      database.exec(`delete from ${rows} > ${seq}`);
    }
    database.close();
    const cut = await log('verify', '--data', copy, '--checkpoint', join(copy, 'kept'));
    expect(cut).toMatchObject({ code: 1, output: expect.stringContaining(`and only ${seq} are there`) as string });
    rmSync(copy, { recursive: true });

    running.child.kill('SIGINT');
    expect(await running.ended, running.stderr()).toBe(0);
    expect(remains()).toEqual([]);
  });

  test('waits for whoever sits there: the button in its Slack works by hand', async () => {
    const running = demo();
    const address = /Slack +(http\S+), a stand-in on this machine: press/;
    const said = (): string => running.stdout();
    await expect.poll(said, { timeout: 60_000, interval: 100 }).toMatch(address);
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(address.exec(said())![1]!);
      await expect.poll(async () => (await page.reload(), page.getByLabel('Reason').count())).toBe(1);
      const message = await page.locator('article').innerText();
      for (const part of ['refund_order', '"amount": 236.25', 'large-refunds-need-finance', 'Update on orders']) {
        expect(message).toContain(part);
      }
      await page.getByLabel('Reason').fill('seen by hand');
      await page.getByRole('button', { name: 'Approve this call' }).click();
      await expect.poll(said, { timeout: 60_000, interval: 100 }).toContain('Finn said yes: “seen by hand”');
      await expect
        .poll(async () => (await page.reload(), page.locator('article').innerText()))
        .toContain('let through');

      await expect.poll(said, { timeout: 60_000, interval: 100 }).toContain('It is all still up');
      const [, email = '', password = '', switches = ''] = /sign in as (\S+), password (\S+), here or at (\S+)/.exec(
        said(),
      )!;
      await page.goto(switches);
      await page.getByLabel('E-mail').fill(email);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL(switches);
      expect(await page.getByRole('main').innerText()).toContain('support-agent');
    } finally {
      await browser.close();
    }
    running.child.kill('SIGINT');
    expect(await running.ended, running.stderr()).toBe(0);
    expect(said()).not.toContain('FAILED');
  });

  test('ends in good order when it is stopped in the middle of the story', async () => {
    const running = demo();
    while (running.child.exitCode === null && !running.stdout().includes('1. The agent asks')) await delay(5);
    running.child.kill('SIGTERM');
    expect(await running.ended, running.stdout()).toBe(1);
    expect(running.stdout()).toContain('Stopped before the end of the story.');
    expect(remains()).toEqual([]);
  });

  test('with --exit names the step that failed, and exits 1', async () => {
    const noModel = { OPENAI_API_KEY: 'none', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' };
    const running = start([MAIN, 'demo', '--exit'], noModel);
    expect(await running.ended).toBe(1);
    expect(running.stdout()).toContain('FAILED  the agent does its task: Connection error.');
    expect(running.stdout()).toContain('This did not go as it should: the agent does its task');
    expect(remains()).toEqual([]);
  });

  test('says what to install where its packages are missing, and exits 2', async () => {
    const running = start(['--import', join(ROOT, 'test/support/without-oidc-provider.ts'), MAIN, 'demo']);
    expect(await running.ended).toBe(2);
    expect(running.stderr()).toMatch(/not installed: oidc-provider\n\s*npm install oidc-provider/);
  });

  test('takes everything with it when it is killed', async () => {
    const running = demo('--json');
    await up(running);
    expect(remains()).not.toEqual([]);
    running.child.kill('SIGKILL');
    await running.ended;
    for (let waited = 0; waited < 10_000 && remains().length > 0; waited += 50) await delay(50);
    expect(remains()).toEqual([]);
  });
});
