// Puts new keys in front of the old ones, and takes away old ones that nothing needs any more. Effectful.
import { createPrivateKey } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyFileError, isMissing, keyId, newSecret, newSigningKey, readLines, verifyingKey } from './keys.ts';
import type { Lines } from './keys.ts';

/** Keys that can be replaced. `sealed` says where what they seal is kept; the others sign. */
export const ROTATABLE = {
  payload: { sealed: 'payloads' },
  'token-sealing': { sealed: 'tokens' },
  checkpoint: { sealed: undefined },
} as const;

export type Rotatable = keyof typeof ROTATABLE;

/** Keys that never are, and what would come of it. */
export const PERMANENT: Readonly<Record<string, string>> = {
  'token-derivation': 'equal values would get different tokens, and those that were given out would not be found',
  'hash-mask': 'hashes would no longer match those that were given out',
  digest: 'approvals that wait would no longer fit their calls, and leases of before would not be swept',
};

export interface KeyOnFile {
  readonly id: string;
  readonly current: boolean;
}

/** The ids of a purpose's keys, the current one first. Throws KeyFileError where the file must not be used. */
export async function keysOnFile(directory: string, purpose: string): Promise<readonly KeyOnFile[]> {
  const lines = await keptLines(join(directory, `${purpose}.key`));
  return lines.map((line, index) => ({ id: idOf(purpose, line), current: index === 0 }));
}

/**
 * Puts `given`, or else a new key, in front. Of a signing key that is replaced, only the public half stays: it verifies
 * what it signed, and nobody can sign with it again. Brokers that run use the new key when they are started again.
 */
export async function rotateKey(directory: string, purpose: Rotatable, given?: string): Promise<KeyOnFile> {
  const file = join(directory, `${purpose}.key`);
  const line = given === undefined ? newKey(purpose) : checkGiven(purpose, given);
  await rewrite(file, async () => {
    const [newest, ...older] = await keptLines(file);
    if ([newest, ...older].some((other) => idOf(purpose, other) === idOf(purpose, line))) {
      throw new KeyFileError(`${file} holds this key already`);
    }
    return [line, purpose === 'checkpoint' ? publicHalf(newest) : newest, ...older];
  });
  return { id: idOf(purpose, line), current: true };
}

/** Takes away all but the current key, which must be unneeded: see `sealedUnder`. Resolves with the ids that are gone. */
export async function retireKeys(directory: string, purpose: Rotatable): Promise<readonly string[]> {
  const file = join(directory, `${purpose}.key`);
  const gone: string[] = [];
  await rewrite(file, async () => {
    const [newest, ...older] = await keptLines(file);
    gone.push(...older.map((line) => idOf(purpose, line)));
    return [newest];
  });
  return gone;
}

/** A broker makes its keys; whoever looks after them has to find them there. */
async function keptLines(file: string): Promise<Lines> {
  try {
    return await readLines(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new KeyFileError(
      `there is no ${file}; name the directory of the broker with --data, or its configuration with --config`,
    );
  }
}

function newKey(purpose: Rotatable): string {
  return purpose === 'checkpoint' ? newSigningKey() : newSecret();
}

function checkGiven(purpose: Rotatable, given: string): string {
  const line = given.trim();
  const bytes = Buffer.from(line, 'base64url');
  if (purpose !== 'checkpoint') {
    if (/^[\w+/=-]+$/.test(line) && bytes.length === 32) return line;
    throw new KeyFileError('the given key is not 32 bytes in base64 on one line (openssl rand -base64 32 makes one)');
  }
  try {
    const key = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
    if (key.asymmetricKeyType === 'ed25519') return line;
  } catch {
    // Said below.
  }
  throw new KeyFileError('the given key is not an Ed25519 private key (PKCS #8, DER, in base64 on one line)');
}

function publicHalf(line: string): string {
  return verifyingKey(line).publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');
}

/** The same for a signing key and for its public half. */
function idOf(purpose: string, line: string): string {
  return keyId(purpose === 'checkpoint' ? publicHalf(line) : line);
}

/** Replaces the file, whole or not at all. One at a time. */
async function rewrite(file: string, lines: () => Promise<readonly string[]>): Promise<void> {
  await keptLines(file);
  const draft = `${file}.new`;
  const handle = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    const why = (error as NodeJS.ErrnoException).code;
    throw new KeyFileError(
      why === 'EEXIST'
        ? `${draft} is there: another rotation runs, or was cut; remove it`
        : `${draft} cannot be written: ${String(why)}`,
    );
  });
  try {
    await handle.writeFile((await lines()).join('\n') + '\n');
    await handle.sync();
    await rename(draft, file);
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}
