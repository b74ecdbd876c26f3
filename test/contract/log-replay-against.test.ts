// A session that real calls left in the log, decided again under other policy files.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { calledWith } from '../../src/core/entry.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Principal } from '../../src/core/principal.ts';
import { uuidv7 } from '../../src/core/uuid.ts';
import { createLog } from '../../src/log/log.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { payloadRecords } from '../../src/store/log-source.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const NOON = Date.parse('2026-11-20T12:00:00Z');
const named = { issuer: 'https://issuer.example', subject: 'ann', actor: 'agent-7' };
// As the log has the caller; nobody is let in.
const ann = Principal.verified({ ...named, groups: ['support'], scopes: [], claims: { region: 'eu' }, expiresAt: 0 });

const TOOLS = `version: 1
backends:
  shop:
    kind: postgres
    url: postgres://db.example.com/shop
    credential: { kind: postgres-role, admin: "postgres://a:b@db.example.com/shop", memberOf: [support] }
tools:
  refund_order:
    backend: shop
    description: Refunds an order.
    sql: update orders set refunded = :amount where id = :order_id
    input: { order_id: { type: integer }, amount: { type: number } }
`;
const SMALL =
  '- { id: small, effect: allow, tools: [refund_order], principals: { groups: [support] }, when: args.amount <= 50.0 }';
const LARGE = '- { id: large, effect: deny, tools: [refund_order], when: args.amount > 50.0 }';

let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'sallyport-replay-'));
  const keys = await loadKeys(join(data, 'keys'));
  const store = await openSqliteStore({ file: join(data, 'sallyport.db'), keys });
  const log = createLog({ store, broker: 'b' });
  const call = async (
    session: string,
    amount: number,
    effect: 'allow' | 'deny',
    args: JsonObject = {},
  ): Promise<void> => {
    const invocation = { id: uuidv7(NOON), session, principal: ann, tool: 'refund_order', arrivedAt: NOON };
    const subject = { invocation: invocation.id, session, principal: named, tool: 'refund_order', policy: 'p' };
    const payloads = calledWith({ ...invocation, arguments: { order_id: 1, amount, ...args } }, undefined);
    const decision = { effect, reason: 'rule_matched', rules: [effect === 'allow' ? 'small' : 'large'] } as const;
    await log.append([
      effect === 'allow'
        ? { body: { ...subject, type: 'intent', backend: 'shop', digest: 'd', decision }, payloads }
        : { body: { ...subject, type: 'refused', code: 'denied', decision }, payloads },
    ]);
  };
  await call('s-1', 20, 'allow');
  await call('s-1', 40, 'allow');
  await call('s-1', 900, 'deny');
  await call('s-2', 10, 'allow');
  await store.commit({ statements: [payloadRecords(store).erased(4)] });
  await store[Symbol.asyncDispose]();
});

afterAll(() => rm(data, { recursive: true }));

async function against(
  session: string,
  ...rules: string[]
): Promise<{ status: number | null; out: string; err: string }> {
  const directory = join(data, `policies-${String(Math.random()).slice(2)}`);
  await mkdir(directory);
  await writeFile(join(directory, 'shop.yaml'), `${TOOLS}rules:\n  ${rules.join('\n  ')}\n`);
  const args = [main, 'log', 'replay', session, '--against', directory, '--data', data];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

test('a payload has the claims that rules can read, and none that name the token or the login', () => {
  const claims = { region: 'eu', jti: 'token-1', sid: 'login-1', acr: 'mfa' };
  const principal = Principal.verified({ ...named, groups: [], scopes: [], claims, expiresAt: 0 });
  const call = { id: 'i', session: 's', principal, tool: 't', arguments: {}, arrivedAt: NOON };
  expect(calledWith(call, undefined).principal?.claims).toEqual({ region: 'eu', acr: 'mfa' });
});

describe('log replay --against', () => {
  test('finds nothing to say about the policies that were in force', async () => {
    const { status, out, err } = await against('s-1', SMALL, LARGE);
    expect(err).toBe('');
    expect(out).toContain('3 calls, 0 would be decided differently');
    expect(status).toBe(0);
  });

  test('lists exactly the calls that stricter policies would decide differently', async () => {
    const stricter = SMALL.replace('50.0', '30.0');
    const { status, out } = await against('s-1', stricter, LARGE);
    expect(out).toContain('#2 refund_order');
    expect(out).toContain('allowed by small → refused: no rule matched');
    expect(out).not.toMatch(/#1 |#3 /);
    expect(out).toContain('3 calls, 1 would be decided differently');
    expect(status).toBe(1);
  });

  test('knows what the caller was: groups and claims as they were in the token, and the hour of the call', async () => {
    const same = SMALL.replace(
      'args.amount <= 50.0',
      `principal.claims.region == "eu" && now.getHours("UTC") == 12 && args.amount <= 50.0`,
    );
    expect((await against('s-1', same, LARGE)).status).toBe(0);
    const other = SMALL.replace('support', 'finance');
    expect((await against('s-1', other, LARGE)).out).toContain(
      'allowed by small → refused: no such tool for this caller',
    );
  });

  test('says which calls it cannot decide again, and does not pass them over', async () => {
    const { status, out } = await against('s-2', SMALL, LARGE);
    expect(out).toContain('cannot be told: its payload is erased');
    expect(status).toBe(1);
  });

  test('refuses policies with a problem, and a session nobody knows', async () => {
    expect((await against('s-1', SMALL.replace('effect: allow', 'effect: alow'))).status).toBe(2);
    expect((await against('s-9', SMALL)).err).toContain('the log has no session s-9');
  });
});
