import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';

const program = `import { storeCommand } from '${join(import.meta.dirname, '../../src/cli/store.ts')}';
await storeCommand().parseAsync(process.argv.slice(1), { from: 'user' });`;

function run(...args: string[]) {
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program, '--', ...args], { encoding: 'utf8' });
}

test('store init prepares a database for a role, and says what is wrong where it cannot', async () => {
  await using database = await createTestDatabase();
  const role = `${database.name}_broker`;
  const missing = run('init', '--owner-url', database.adminUrl, '--broker-role', role);
  expect(missing.stderr).toContain(`role "${role}" does not exist`);
  expect(missing.status).not.toBe(0);
  expect(await database.query(`select 1 from pg_namespace where nspname = 'sallyport'`)).toEqual([]);
  await database.query(`create role ${role}`);
  const good = run('init', '--owner-url', database.adminUrl, '--broker-role', role);
  expect(good.stdout).toContain(`brokers may log in as ${role}`);
  expect(await database.query('select size from sallyport.log_head')).toEqual([{ size: '0' }]);
  await database.query(`drop owned by ${role}; drop role ${role}`);
});
