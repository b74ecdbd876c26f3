// Keys that are rotated, as an operator does it, and what was sealed and signed before.
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRewrapping } from '../../src/cli/compose-upkeep.ts';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { createLog } from '../../src/log/log.ts';
import { publishToFile, publishedInFile } from '../../src/log/publish.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { anEntry } from './store-contract.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'sallyport-rotation-'));
  await runBroker();
});
afterAll(() => rm(data, { recursive: true }));

function sallyport(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args, '--data', data], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** What a broker does with its keys between a start and a stop. */
async function runBroker(): Promise<string> {
  const keys = await loadKeys(join(data, 'keys'));
  await using store = await openSqliteStore({ file: join(data, 'sallyport.db'), keys });
  const log = createLog({ store, broker: 'b' });
  const publish = [publishToFile(join(data, 'published'))];
  await log.append([{ body: anEntry('a'), payloads: { arguments: { email: 'ann@example.com' } } }]);
  await using checkpoints = await Checkpoints.start({
    tree: await openLogTree(store),
    keys: keys.checkpoint,
    publish,
    logger: silent,
  });
  {
    await using _ = startRewrapping({ store, log, keys, logger: silent });
    const current = keys.payload.current;
    if (keys.payload.keys.size > 1) {
      const source = storeLogSource(store);
      await expect
        .poll(async () => (await source.entries({ type: 'key.rewrapped', text: current }, 1)).length, {
          timeout: 5_000,
        })
        .toBe(1);
    }
  }
  await checkpoints.integrate();
  return (await publishedInFile(join(data, 'published')))!;
}

describe('sallyport keys', () => {
  test('rotate payload: what was sealed before opens, is sealed anew, and the old key can then be taken away', async () => {
    const before = (await loadKeys(join(data, 'keys'))).payload.current;
    expect(sallyport('keys', 'rotate', 'payload')).toMatchObject({ status: 0 });
    const file = join(data, 'keys', 'payload.key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2);
    // Nothing is sealed anew yet.
    const early = sallyport('keys', 'retire', 'payload');
    expect(early.status).toBe(1);
    expect(early.output).toContain(`sealed under ${before}`);
    expect(sallyport('log', 'show', '1').output).toContain('ann@example.com');

    await runBroker();
    const retired = sallyport('keys', 'retire', 'payload');
    expect(retired, retired.output).toMatchObject({ status: 0 });
    expect(retired.output).toContain(before);
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(1);
    expect(sallyport('log', 'show', '1').output).toContain('ann@example.com');
    const verified = sallyport('log', 'verify');
    expect(verified, verified.output).toMatchObject({ status: 0 });
    expect(verified.output).toContain('payloads: 2 checked');
  });

  test('rotate checkpoint: older checkpoints verify, and nobody can sign with the old key again', async () => {
    const kept = join(data, 'kept');
    await writeFile(kept, await runBroker());
    const file = join(data, 'keys', 'checkpoint.key');
    const oldKey = sallyport('log', 'key').output;
    const secret = (await readFile(file, 'utf8')).trim();
    expect(sallyport('keys', 'rotate', 'checkpoint')).toMatchObject({ status: 0 });
    expect(await readFile(file, 'utf8')).not.toContain(secret);
    expect(await runBroker()).not.toContain(oldKey.split('+')[1]);
    const verified = sallyport('log', 'verify', '--checkpoint', kept, '--checkpoint', join(data, 'published'));
    expect(verified, verified.output).toMatchObject({ status: 0 });
    const keys = join(data, 'public-keys');
    await writeFile(keys, sallyport('log', 'key').output);
    expect((await readFile(keys, 'utf8')).split('\n')).toContain(oldKey.trim());
    expect(sallyport('log', 'verify', '--key', keys).status).toBe(0);
    // With the old key alone, what the new one signed does not hold.
    expect(sallyport('log', 'verify', '--key', oldKey.trim()).status).toBe(1);
    expect(sallyport('keys', 'retire', 'checkpoint').status).toBe(2);
  });

  test('rotate takes a given key, and no other thing', async () => {
    const given = join(data, 'given');
    const line = randomBytes(32).toString('base64');
    await writeFile(given, `${line}\n`);
    expect(sallyport('keys', 'rotate', 'token-sealing', '--key-file', given)).toMatchObject({ status: 0 });
    expect(await readFile(join(data, 'keys', 'token-sealing.key'), 'utf8')).toContain(line);
    expect(sallyport('keys', 'rotate', 'token-sealing', '--key-file', given).output).toContain(
      'holds this key already',
    );
    expect(sallyport('keys', 'rotate', 'checkpoint', '--key-file', given).output).toContain(
      'not an Ed25519 private key',
    );
    await writeFile(given, 'a password');
    expect(sallyport('keys', 'rotate', 'payload', '--key-file', given)).toMatchObject({ status: 2 });
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(given, privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'));
    expect(sallyport('keys', 'rotate', 'checkpoint', '--key-file', given)).toMatchObject({ status: 0 });
    expect((await readdir(join(data, 'keys'))).filter((name) => !name.endsWith('.key'))).toEqual([]);
  });

  test('says which keys never rotate, and why', () => {
    const { status, output } = sallyport('keys', 'rotate', 'token-derivation');
    expect(status).toBe(2);
    expect(output).toContain('equal values would get different tokens');
    expect(sallyport('keys', 'rotate', 'paylod').output).toContain('payload, token-sealing, checkpoint');
    expect(sallyport('keys', 'list').output).toMatch(/^digest .*never rotated$/m);
  });
});
