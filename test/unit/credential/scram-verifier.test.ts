import { expect, test } from 'vitest';
import { scramVerifier } from '../../../src/credential/scram-verifier.ts';
import { createTestDatabase } from '../../support/postgres.ts';

test('is what Postgres computes for the same password and salt', async () => {
  await using database = await createTestDatabase();
  const role = `verified_${database.name}`;
  await database.query(`create role ${role} login password 'correct horse'`);
  const [{ stored }] = (await database.query('select rolpassword as stored from pg_authid where rolname = $1', [
    role,
  ])) as [{ stored: string }];
  await database.query(`drop role ${role}`);
  const salt = /:([^$]+)\$/.exec(stored)?.[1] ?? '';
  expect(await scramVerifier('correct horse', Buffer.from(salt, 'base64'), 4_096)).toBe(stored);
});
