import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKeys } from '../../src/store/keys.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { describeStore } from './store-contract.ts';

describeStore('SQLite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-store-'));
  const keys = await loadKeys(join(directory, 'keys'));
  return {
    keys,
    open: (clock) => openSqliteStore({ file: join(directory, 'sallyport.db'), keys, ...(clock && { clock }) }),
    remove: () => rm(directory, { recursive: true }),
  };
});
