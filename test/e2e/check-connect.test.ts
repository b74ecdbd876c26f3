// `sallyport check --connect` asks the real database, and finds what only that knows.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareShop, type Shop } from '../../src/demo/shop-postgres.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { BARE_ENVIRONMENT } from '../support/bare-environment.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-connect-'));
let database: TestDatabase;
let shop: Shop;

beforeAll(async () => {
  database = await createTestDatabase();
  shop = await prepareShop(database.adminUrl, { adminLogin: `admin_${database.name}` });
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await database.query(`drop owned by admin_${database.name}`);
  await database.query(`drop role admin_${database.name}`);
  await database[Symbol.asyncDispose]();
});

function check(change: (text: string) => string = (text) => text, adminUrl = shop.adminUrl) {
  const policies = join(scratch, 'policies');
  cpSync(join(ROOT, 'policies'), policies, { recursive: true });
  const file = join(policies, 'shop.yaml');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  const env = { ...BARE_ENVIRONMENT, SHOP_DATABASE_URL: shop.databaseUrl, SHOP_ADMIN_URL: adminUrl };
  const args = [join(ROOT, 'src/main.ts'), 'check', 'policies', '--connect'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: scratch, env, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

test('finds nothing wrong with the example policies on the shop’s database', () => {
  expect(check()).toMatchObject({ status: 0 });
});

test('finds a mask whose column the statement does not have, a column that is not there and a missing grant', () => {
  const mask = check((text) => text.replace("'$.rows[*].card_number'", "'$.rows[*].card_numbr'"));
  expect(mask.status).toBe(2);
  expect(mask.said).toMatch(/shop\.yaml:\d+:\d+: .*card_numbr/);
  const column = check((text) => text.replace('select id, name,', 'select id, nmae,'));
  expect(column.status).toBe(2);
  expect(column.said).toMatch(/shop\.yaml:\d+:\d+: .*nmae/);
  const grant = check((text) => text.replace('card_number, plan from', 'card_number, password_hash, plan from'));
  expect(grant.status).toBe(2);
  expect(grant.said).toContain('permission denied');
});

test('asks about previews too, and lets a mask be for a column of one', () => {
  const column = check((text) =>
    text.replace("'order %s, %s: %s %s paid, %s', id,", "'order %s, %s: %s %s paid, %s', idd,"),
  );
  expect(column.status).toBe(2);
  expect(column.said).toMatch(/shop\.yaml:\d+:\d+: .*idd/);
  const mask = (name: string) =>
    check((text) =>
      text.replace(
        '    destructive: true\n',
        `    destructive: true\n    mask: [{ path: '$.rows[*].${name}', with: redact }]\n`,
      ),
    );
  expect(mask('found')).toMatchObject({ status: 0 });
  expect(mask('fuond')).toMatchObject({ status: 2 });
});

test('finds an admin login that cannot make leases, and one that cannot log in', async () => {
  const plain = `plain_${database.name}`;
  await database.query(`create role ${plain} login password 'plain'`);
  await database.query(`grant connect on database ${database.name} to ${plain}`);
  try {
    const url = new URL(shop.adminUrl);
    url.username = plain;
    url.password = 'plain';
    const weak = check(undefined, url.href);
    expect(weak.status).toBe(2);
    expect(weak.said).toMatch(/shop\.yaml:\d+:\d+: .*may not create roles/);
    url.password = 'wrong';
    const wrong = check(undefined, url.href);
    expect(wrong.status).toBe(2);
    expect(wrong.said).not.toContain('wrong@');
  } finally {
    await database.query(`drop owned by ${plain}`);
    await database.query(`drop role ${plain}`);
  }
});

test('signs in with a static login, and describes the statements as that one sees them', async () => {
  const reader = `${database.name}_reader`;
  await database.query(`create role ${reader} login password 'open-sesame' in role shop_support`);
  const withStatic = (text: string): string => {
    const own = `credential: { kind: static, user: ${reader}, password: '\${env:SHOP_ADMIN_URL}' }`;
    return text.replace(/credential:\n( {6}.*\n)+/, `${own}\n`);
  };
  try {
    const good = check(withStatic, 'open-sesame');
    expect(good.said).toContain('not made just in time');
    expect(good.status).toBe(0);
    const column = check((text) => withStatic(text).replace('select id, name,', 'select id, nmae,'), 'open-sesame');
    expect(column.said).toMatch(/shop\.yaml:\d+:\d+: .*nmae/);
    const wrong = check(withStatic, 'wrong-word');
    expect(wrong.status).toBe(2);
    expect(wrong.said).toMatch(/password/);
    expect(wrong.said).not.toContain('wrong-word');
  } finally {
    await database.query(`drop role ${reader}`);
  }
});
