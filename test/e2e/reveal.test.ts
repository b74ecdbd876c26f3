// A whole broker: an agent is given a token, and people with the role revealer see what it stands for, over API and command line.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeLogin } from '../../src/cli/login-file.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { legacyCall, MCP_HEADERS, send } from '../support/raw-http.ts';

vi.setConfig({ testTimeout: 120_000 });

const ROOT = join(import.meta.dirname, '../..');
let broker: TestBroker;
let home: string;
let token: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-reveal-'));
  broker = await startTestBroker({
    config: {
      roles: { admin: { groups: ['platform'] }, revealer: { groups: ['finance'], people: ['sam@shop.example'] } },
    },
  });
  const agent = await broker.provider.accessToken({ agent: 'support-agent' });
  const { json } = await send(new URL(broker.url), {
    headers: { ...MCP_HEADERS, authorization: `Bearer ${agent}` },
    body: legacyCall(1, 'find_customer', { email: 'ada@example.com' }),
  });
  const { result } = json as { result: { structuredContent: { rows: { email: string }[] } } };
  token = result.structuredContent.rows[0]!.email;
});
afterAll(async () => {
  await broker[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function ask(path: string, as: string, body: object) {
  const { accessToken } = await broker.provider.signIn(`${as}@shop.example`);
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`${broker.publicUrl}/api/v1/tokens/reveals${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

async function run(as: string, args: readonly string[], onStderr: (said: string) => void = () => undefined) {
  const { accessToken } = await broker.provider.signIn(`${as}@shop.example`);
  const data = join(home, as);
  await writeLogin(data, { broker: broker.publicUrl, accessToken, expiresAt: Date.now() + 600_000 });
  const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'tokens', ...args, '--data', data], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => onStderr((err += chunk.toString())));
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

const asked = { reason: 'a complaint' };

describe('what a token stands for', () => {
  it('is shown to nobody without the role, whatever other role they have', async () => {
    for (const person of ['ada', 'paula']) {
      expect(await ask('', person, { ...asked, token })).toMatchObject({ status: 403, body: { code: 'wrong_role' } });
      for (const what of ['approval', 'value']) {
        expect(await ask(`/x/${what}`, person, {})).toMatchObject({ status: 403, body: { code: 'wrong_role' } });
      }
    }
  });

  it('is shown for a reason, and of tokens that were given', async () => {
    expect(await ask('', 'finn', { token })).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
    expect(await ask('', 'finn', { token, reason: ' ' })).toMatchObject({ status: 400 });
    const never = { ...asked, token: `tok_email_${'a'.repeat(26)}` };
    expect(await ask('', 'finn', never)).toMatchObject({ status: 404, body: { code: 'unknown_token' } });
  });

  it('takes a second person, over the API', async () => {
    const { status, body } = await ask('', 'finn', { ...asked, token });
    expect(status).toBe(201);
    expect(Object.keys(body).toSorted()).toEqual(['expiresAt', 'request']);
    const path = `/${body['request']!}`;
    expect(await ask(`${path}/value`, 'finn', {})).toMatchObject({ status: 409, body: { code: 'not_approved' } });
    expect(await ask(`${path}/approval`, 'finn', {})).toMatchObject({ status: 403, body: { code: 'own_request' } });
    expect(await ask(`${path}/approval`, 'sam', {})).toEqual({ status: 200, body: { approved: true } });
    expect(await ask(`${path}/approval`, 'sam', {})).toMatchObject({ status: 409, body: { code: 'already_approved' } });
    expect(await ask(`${path}/value`, 'sam', {})).toMatchObject({ status: 403, body: { code: 'not_your_request' } });
    expect(await ask(`${path}/value`, 'finn', {})).toEqual({ status: 200, body: { value: 'ada@example.com' } });
    expect(await ask(`${path}/value`, 'finn', {})).toMatchObject({ status: 404, body: { code: 'unknown_request' } });
  });

  it('takes a second person, in two terminals', async () => {
    let approving: ReturnType<typeof run> | undefined;
    const shown = await run('finn', ['reveal', token, '--reason', 'a complaint'], (said) => {
      const request = /tokens approve (\S+)\n/.exec(said)?.[1];
      if (request !== undefined) approving ??= run('sam', ['approve', request]);
    });
    expect(await approving).toEqual({ code: 0, out: 'approved\n', err: '' });
    expect(shown).toMatchObject({ code: 0, out: 'ada@example.com\n' });
    const refused = await run('paula', ['reveal', token, '--reason', 'x', '--json']);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(refused.err)).toMatchObject({ code: 'wrong_role' });
    expect(broker.logLines.join()).not.toContain('ada@example.com');
  });
});
