import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newSalt, seal, unseal } from '../../../src/core/sealing.ts';
import { keysOnFile, retireKeys, rotateKey } from '../../../src/store/key-rotation.ts';
import { KeyFileError, loadKeys, readPayloadKeys } from '../../../src/store/keys.ts';

let directory: string;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'sallyport-keys-')), 'keys');
});

afterEach(() => rm(join(directory, '..'), { recursive: true }));

describe('keys', () => {
  test('are made on the first start, for this user alone, and stay the same', async () => {
    const made = await loadKeys(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    const names = await readdir(directory);
    const purposes = ['checkpoint', 'digest', 'hash-mask', 'payload', 'token-derivation', 'token-sealing'];
    expect(names.toSorted()).toEqual(purposes.map((purpose) => `${purpose}.key`));
    for (const name of names) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    const again = await loadKeys(directory);
    expect(again.digest.equals(made.digest)).toBe(true);
    expect(again.payload.current).toBe(made.payload.current);
    expect(again.checkpoint[0].publicKey.equals(made.checkpoint[0].publicKey)).toBe(true);
  });

  test('are the same for all that start at once', async () => {
    const loaded = await Promise.all(Array.from({ length: 20 }, () => loadKeys(directory)));
    for (const keys of loaded) {
      expect(keys.digest.equals(loaded[0]!.digest)).toBe(true);
      expect(keys.payload.current).toBe(loaded[0]!.payload.current);
    }
    expect(await readdir(directory)).toHaveLength(6);
  });

  test('are refused when others can read them, with what to do', async () => {
    await loadKeys(directory);
    const file = join(directory, 'payload.key');
    await chmod(file, 0o640);
    await expect(loadKeys(directory)).rejects.toThrow(
      new KeyFileError(`${file} can be opened by others (mode 0640); make it private: chmod 600 ${file}`),
    );
  });

  test.each(['', 'short\n'])('are refused when the file holds %j', async (text) => {
    await loadKeys(directory);
    await writeFile(join(directory, 'digest.key'), text);
    await expect(loadKeys(directory)).rejects.toBeInstanceOf(KeyFileError);
  });

  test('are rotated by a line put in front: it seals from now on, and what older ones sealed still opens', async () => {
    const old = await loadKeys(directory);
    const sealed = seal(old.payload, newSalt(), 'before');
    const file = join(directory, 'payload.key');
    await writeFile(file, `${randomBytes(32).toString('base64url')}\n${await readFile(file, 'utf8')}`);
    const { payload } = await loadKeys(directory);
    expect(payload.current).not.toBe(old.payload.current);
    expect(unseal(payload, sealed).plaintext.toString()).toBe('before');
    expect(() => unseal(old.payload, seal(payload, newSalt(), 'after'))).toThrow('which is not among the keys');
  });

  test('for reading alone are not made', async () => {
    expect(await readPayloadKeys(directory)).toBeUndefined();
    const { payload } = await loadKeys(directory);
    expect((await readPayloadKeys(directory))?.current).toBe(payload.current);
  });
});

describe('keys that are not there', () => {
  test.each([
    ['listed', (at: string) => keysOnFile(at, 'payload')],
    ['rotated', (at: string) => rotateKey(at, 'payload')],
    ['retired', (at: string) => retireKeys(at, 'payload')],
  ])('are not %s: whoever asks is told where they were looked for', async (_, ask) => {
    const error: unknown = await ask(directory).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(KeyFileError);
    expect((error as Error).message).toContain(`there is no ${join(directory, 'payload.key')}`);
  });
});
