// The report of one session, opened in a real browser that has no network.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { createLog } from '../../src/log/log.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { launchChromium } from '../support/chromium.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const hostile = `<script>document.title = 'taken over'</script><img src="https://evil.example/x.png" onerror="alert(1)">`;

async function writeSession(data: string): Promise<void> {
  const keys = await loadKeys(join(data, 'keys'));
  await using store = await openSqliteStore({ file: join(data, 'sallyport.db'), keys });
  const of = {
    session: 's-1',
    principal: { issuer: 'https://issuer.example', subject: 'ann', actor: 'agent-7' },
    tool: 'find_customer',
    policy: 'p',
    backend: 'shop',
  };
  const decision = { effect: 'allow', reason: 'rule_matched', rules: ['support-may-look-up'] } as const;
  await createLog({ store, broker: 'b' }).append([
    {
      body: { ...of, invocation: 'i-1', type: 'intent', digest: 'd', decision },
      payloads: { arguments: { email: 'ann@example.com', note: hostile } },
    },
    {
      body: { ...of, invocation: 'i-1', type: 'outcome', outcome: 'succeeded', doors: { identify: 0.1, mask: 0.3 } },
      payloads: { result: { rows: [{ card: '**** 1111' }] } },
    },
    { body: { ...of, invocation: 'i-2', tool: hostile, type: 'refused', code: 'unknown_tool' } },
  ]);
  const tree = await openLogTree(store);
  await using _ = await Checkpoints.start({ tree, keys: keys.checkpoint, publish: [], logger: silent });
}

test('an exported session is shown whole by a browser without network, and nothing in it runs or is fetched', async () => {
  const data = await mkdtemp(join(tmpdir(), 'sallyport-report-'));
  try {
    await writeSession(data);
    const file = join(data, 'session.html');
    const args = ['log', 'export', '--format', 'html', '--session', 's-1', '--out', file, '--data', data];
    expect(spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });

    await using browser = await launchChromium();
    const context = await browser.newContext({ offline: true });
    const page = await context.newPage();
    const asked: string[] = [];
    const said: string[] = [];
    page.on('request', (request) => void asked.push(request.url()));
    page.on('console', (message) => void said.push(message.text()));
    page.on('dialog', (dialog) => void said.push(dialog.message()));
    page.on('pageerror', (error) => void said.push(error.message));
    const address = pathToFileURL(file).href;
    await page.goto(address);

    expect(await page.title()).toBe('Session s-1');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Session s-1');
    const rows = await page.getByRole('row').allInnerTexts();
    expect(rows).toHaveLength(4);
    for (const [index, parts] of [
      [1, ['intent', 'find_customer', 'allowed by support-may-look-up', '"email":"ann@example.com"']],
      [2, ['outcome', 'succeeded', 'identify 0.1 ms, mask 0.3 ms', '**** 1111']],
      [3, ['refused', 'unknown tool', hostile]],
    ] as const) {
      for (const part of parts) expect(rows[index]).toContain(part);
    }
    expect(await page.getByText('— sallyport/').isVisible()).toBe(true);
    expect(await page.locator('script, img, link, iframe').count()).toBe(0);
    // Its style is its own, and in force.
    expect(await page.evaluate(`getComputedStyle(document.querySelector('table')).borderCollapse`)).toBe('collapse');
    expect(asked).toEqual([address]);
    expect(said).toEqual([]);
  } finally {
    await rm(data, { recursive: true });
  }
});
