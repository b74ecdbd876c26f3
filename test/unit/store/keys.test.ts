import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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
    expect(names.toSorted()).toEqual(['checkpoint.key', 'digest.key', 'hash-mask.key', 'payload.key']);
    for (const name of names) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    const again = await loadKeys(directory);
    expect(again.digest.equals(made.digest)).toBe(true);
    expect(again.payload.current).toBe(made.payload.current);
    expect(again.checkpoint[0]!.publicKey.equals(made.checkpoint[0]!.publicKey)).toBe(true);
  });

  test('are the same for all that start at once', async () => {
    const loaded = await Promise.all(Array.from({ length: 20 }, () => loadKeys(directory)));
    for (const keys of loaded) {
      expect(keys.digest.equals(loaded[0]!.digest)).toBe(true);
      expect(keys.payload.current).toBe(loaded[0]!.payload.current);
    }
    expect(await readdir(directory)).toHaveLength(4);
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

  test('for reading alone are not made', async () => {
    expect(await readPayloadKeys(directory)).toBeUndefined();
    const { payload } = await loadKeys(directory);
    expect((await readPayloadKeys(directory))?.current).toBe(payload.current);
  });
});
