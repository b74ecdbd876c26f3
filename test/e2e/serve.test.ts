// `sallyport serve` and what may happen to a process: it is told to end, it is killed, others are down.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareServe, type ServeSite } from '../support/serve-process.ts';

let site: ServeSite;
beforeAll(async () => {
  site = await prepareServe();
});
afterAll(() => site[Symbol.asyncDispose]());

const main = join(import.meta.dirname, '../../src/main.ts');

interface ListedEntry {
  readonly type: string;
  readonly tool?: string;
  readonly outcome?: string;
  readonly invocation?: string;
  readonly expires?: string;
}

/** The log as the command line tells it. */
function logEntries(): readonly ListedEntry[] {
  const args = [main, 'log', 'list', '--json', '--data', join(site.directory, '.sallyport')];
  const text = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ListedEntry);
}

const slowRefund = (seconds: number) => ({ name: 'slow_refund', arguments: { order_id: 1001, seconds } });
/** Whom the database sees at work. */
const sleepers = async (): Promise<readonly string[]> => {
  const rows = await site.database.query<{ usename: string }>(
    `select usename from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()`,
  );
  return rows.map(({ usename }) => usename);
};
const sleeping = async (): Promise<number> => (await sleepers()).length;

describe('serve', () => {
  test('on SIGTERM lets a running call finish, ends its leases and exits with 0', async () => {
    await using serve = await site.start();
    const client = await site.client();
    const calling = client.callTool(slowRefund(1.5));
    await expect.poll(sleeping).toBeGreaterThan(0);
    const [role] = await site.leaseRoles();
    expect(await sleepers()).toEqual([role]);
    const startedAt = performance.now();
    const exit = serve.end('SIGTERM');
    expect(await calling).toMatchObject({ structuredContent: { rowCount: 1 } });
    expect(await exit).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(await site.leaseRoles()).toEqual([]);
    expect(logEntries().at(-1)).toMatchObject({ type: 'broker.stopped' });
  });

  test('on SIGTERM stops a call that takes too long within 10 s, and records what became of it', async () => {
    await using serve = await site.start();
    const client = await site.client();
    const calling = client.callTool(slowRefund(19));
    await expect.poll(sleeping).toBeGreaterThan(0);
    const startedAt = performance.now();
    expect(await serve.end('SIGTERM')).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(await calling).toMatchObject({ isError: true });
    const outcome = logEntries().findLast(({ type }) => type === 'outcome');
    expect(outcome).toMatchObject({ tool: 'slow_refund', outcome: 'cancelled' });
    expect(await sleeping()).toBe(0);
    expect(await site.leaseRoles()).toEqual([]);
  });

  test('killed in the middle of a call leaves an intact log, and no role once it is up again and the lease is over', async () => {
    const client = await (async () => {
      await using serve = await site.start();
      const connected = await site.client();
      void connected.callTool(slowRefund(15)).catch(() => undefined);
      await expect.poll(sleeping).toBeGreaterThan(0);
      await serve.end('SIGKILL');
      return connected;
    })();
    await client.close().catch(() => undefined);
    expect(await site.leaseRoles()).toHaveLength(1);
    const data = join(site.directory, '.sallyport');
    // Exit code 0: nothing was changed, removed or lost, and the call without an outcome is named.
    const verified = execFileSync(process.execPath, [main, 'log', 'verify', '--data', data], { encoding: 'utf8' });
    expect(verified).toContain('has no outcome');

    const { expires } = logEntries().findLast(({ type }) => type === 'lease.issued')!;
    await delay(Date.parse(expires!) + 100 - Date.now());
    await using _serve = await site.start();
    await expect.poll(() => site.leaseRoles(), { timeout: 15_000 }).toEqual([]);
    const again = await site.client();
    const found = await again.callTool({ name: 'find_customer', arguments: { email: 'ada@example.com' } });
    expect(found).toMatchObject({ structuredContent: { rowCount: 1 } });
  });

  // A killed broker counts as dead once it has been silent for a minute.
  test.skipIf(process.env['SALLYPORT_SLOW_TESTS'] !== '1')(
    'killed in the middle of a call leaves nothing a minute after it is up again, however long its lease would have lived',
    { timeout: 120_000 },
    async () => {
      const file = join(site.directory, 'policies', 'shop.yaml');
      const policy = readFileSync(file, 'utf8');
      writeFileSync(file, policy.replace('ttl: 10s', 'ttl: 10m'));
      await using killed = await site.start();
      const client = await site.client();
      void client.callTool(slowRefund(15)).catch(() => undefined);
      await expect.poll(sleeping).toBeGreaterThan(0);
      await killed.end('SIGKILL');
      await client.close().catch(() => undefined);
      expect(await site.leaseRoles()).toHaveLength(1);
      await using _serve = await site.start();
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      expect([await site.leaseRoles(), await sleepers()]).toEqual([[], []]);
      writeFileSync(file, policy);
    },
  );

  test('goes on with the keys it has when the OpenID provider is gone', async () => {
    await using _serve = await site.start();
    const client = await site.client();
    const email = { name: 'find_customer', arguments: { email: 'ada@example.com' } };
    expect(await client.callTool(email)).toMatchObject({ structuredContent: { rowCount: 1 } });
    const another = await site.provider.accessToken({ subject: 'ada@shop.example' });
    await site.provider[Symbol.asyncDispose]();
    expect(await client.callTool(email)).toMatchObject({ structuredContent: { rowCount: 1 } });
    // Also a token that it has not seen before.
    const response = await fetch(site.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${another}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    });
    expect(response.status).toBe(200);
  });

  test('starts while the database is down, says so in plain words, and goes on when it is up', async () => {
    // Nothing listens on port 9 of this machine.
    const down = 'postgres://nobody:nothing@127.0.0.1:9/shop';
    await using _serve = await site.start({ SHOP_DATABASE_URL: 'postgres://127.0.0.1:9/shop', SHOP_ADMIN_URL: down });
    expect(await (await fetch(`${site.publicUrl}/readyz`)).json()).toMatchObject({ checks: { store: 'ok' } });
  });
});
