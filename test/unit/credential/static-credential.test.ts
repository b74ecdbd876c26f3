import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { implementations } from '../../../src/cli/implementations.ts';
import { throwawayKeys } from '../../../src/cli/policy-place.ts';
import { Lease } from '../../../src/core/evidence.ts';
import { noCredential } from '../../../src/credential/no-credential.ts';
import { staticProvider } from '../../../src/credential/static-credential.ts';
import { PolicyDirectory } from '../../support/policy-doubles.ts';
import { callTool, openShop, type TestShop } from '../../support/postgres-shop.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

const plan = {
  id: 'lease',
  backend: 'shop',
  expiresAt: Date.now() + 60_000,
  inbound: undefined,
  named: () => Promise.resolve(),
};
const signal = AbortSignal.timeout(10_000);

/** What `check` says of a Postgres backend with this credential. */
async function problems(credential: string, env: Record<string, string> = {}, unset?: 'warning'): Promise<string[]> {
  using policies = new PolicyDirectory();
  policies.write(
    'shop.yaml',
    `version: 1
backends:
  shop:
    kind: postgres
    url: postgres://db.example/shop
    credential: ${credential}
`,
  );
  await using parts = implementations(throwawayKeys());
  return await policies.problems({ ...parts, env, ...(unset && { unset }) });
}

const NOT_JUST_IN_TIME =
  'shop.yaml:6:25: warning: this credential is not made just in time: every lease hands out the same secret, which stays valid after it (use a provider that makes one for each lease, where the backend allows it)';

test('a static credential is warned of, whether its secret is there or not', async () => {
  const login = `{ kind: static, user: reader, password: "\${env:PASSWORD}" }`;
  expect(await problems(login, { PASSWORD: 'open sesame' })).toEqual([NOT_JUST_IN_TIME]);
  expect(await problems(login, {}, 'warning')).toEqual([
    NOT_JUST_IN_TIME,
    'shop.yaml:6:58: warning: environment variable PASSWORD is not set (set it where the broker runs)',
  ]);
});

test('a static credential refers to its secret and does not hold it', async () => {
  expect(await problems('{ kind: static, user: reader, password: open sesame }')).toContain(
    'shop.yaml:6:57: error: a secret stands here in plain text (write ${env:NAME} or ${file:PATH})',
  );
});

test.each([
  ['nothing', '{ kind: static }'],
  ['a user alone', '{ kind: static, user: reader }'],
  ['a token and a login', `{ kind: static, token: "\${env:A}", user: reader, password: "\${env:A}" }`],
])('a static credential of %s is refused', async (_, credential) => {
  expect(await problems(credential, { A: 'a' })).toEqual([
    'shop.yaml:6:17: error: expected `token`, or `user` and `password`',
  ]);
});

test('Postgres takes a login, and no credential without one', async () => {
  expect(await problems('{ kind: none }')).toEqual([
    expect.stringMatching(/^shop.yaml:6:25: error: a postgres backend takes no credential of kind "none"/),
  ]);
});

test('a lease of a static login reaches the database, shows no secret, and leaves the login as it was', async () => {
  await shop.database.query(
    `create role ${shop.database.name}_reader login password 'open-sesame' in role shop_support`,
  );
  try {
    const options = staticProvider.options.parse({ user: `${shop.database.name}_reader`, password: 'open-sesame' });
    const { fields: credential } = await staticProvider.issue(options, plan, 'static', signal);
    expect(inspect(credential, { showHidden: true }) + JSON.stringify([credential, options])).not.toContain('sesame');
    const ended = new AbortController();
    await using resources = new AsyncDisposableStack();
    const lease = Lease.issued({ ...plan, provider: 'static', credential, ended: ended.signal, resources });
    const tool = shop.tool('select current_user::text as me');
    const { structured } = await callTool(tool, {
      lease,
      ended,
      role: '',
      [Symbol.asyncDispose]: async () => undefined,
    });
    expect(structured).toMatchObject({ rows: [{ me: `${shop.database.name}_reader` }] });
    await staticProvider.revoke?.(options, 'static');
  } finally {
    await shop.database.query(`drop role ${shop.database.name}_reader`);
  }
});

test('a token is handed out as a secret; `none` hands out nothing', async () => {
  const options = staticProvider.options.parse({ token: 'abc' });
  const { token } = (await staticProvider.issue(options, plan, 'static', signal)).fields;
  expect(token).toBeInstanceOf(Secret);
  expect((token as Secret).reveal()).toBe('abc');
  expect(await noCredential.issue(noCredential.options.parse({}), plan, 'none', signal)).toEqual({ fields: {} });
});
