// A store that several brokers open, on either engine, with the keys that all of them have.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Keys } from '../../src/core/keys.ts';
import type { Store } from '../../src/core/store.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { initPostgresStore } from '../../src/store/postgres-schema.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { createTestDatabase } from './postgres.ts';

export interface Place extends AsyncDisposable {
  readonly keys: Keys;
  openStore(): Promise<Store>;
}

export async function oneFile(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-shared-'));
  const keys = await loadKeys(join(directory, 'keys'));
  return {
    keys,
    openStore: () => openSqliteStore({ file: join(directory, 'shared.db'), keys }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

/** `url` is of the login that brokers use. */
export async function onePostgres(): Promise<Place & { readonly url: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-shared-'));
  const keys = await loadKeys(join(directory, 'keys'));
  const database = await createTestDatabase();
  const role = `${database.name}_broker`;
  const password = randomBytes(12).toString('hex');
  await database.query(`create role ${role} login password '${password}'`);
  await initPostgresStore(database.adminUrl, role);
  const url = Object.assign(new URL(database.adminUrl), { username: role, password }).href;
  return {
    keys,
    url,
    openStore: () => openPostgresStore({ url, keys }),
    async [Symbol.asyncDispose]() {
      await database.query(`drop owned by ${role}; drop role ${role}`);
      await database[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}
