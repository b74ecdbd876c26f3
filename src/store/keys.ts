// The deployment's keys: one file per purpose under <data>/keys, outside the database. Effectful.
// A file holds one key a line, newest first: the first is used, the others still open what they once closed, or verify
// what they once signed. src/store/key-rotation.ts puts new ones in front.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointKeys, KeyRing, Keys, SigningKey, VerifyingKey } from '../core/keys.ts';

/** A key file that must not be used: `message` says which, why, and what to do. */
export class KeyFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyFileError';
  }
}

/**
 * Reads the keys in `directory`, making what is missing (directory 0700, files 0600). Two processes that start at
 * once end up with the same keys. Throws KeyFileError where a file can be read by others or does not hold a key.
 */
export async function loadKeys(directory: string): Promise<Keys> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const [digest, payload, hashMask, tokenDerivation, tokenSealing, checkpoint] = await Promise.all([
    readOrMake(join(directory, 'digest.key'), newSecret),
    readOrMake(join(directory, 'payload.key'), newSecret),
    readOrMake(join(directory, 'hash-mask.key'), newSecret),
    readOrMake(join(directory, 'token-derivation.key'), newSecret),
    readOrMake(join(directory, 'token-sealing.key'), newSecret),
    readOrMake(join(directory, 'checkpoint.key'), newSigningKey),
  ]);
  return {
    digest: secretKey(digest[0]),
    payload: keyRing(payload),
    hashMask: secretKey(hashMask[0]),
    tokenDerivation: secretKey(tokenDerivation[0]),
    tokenSealing: keyRing(tokenSealing),
    checkpoint: checkpointKeys(checkpoint),
  };
}

/** The payload keys alone, for reading; undefined where there are none. Makes nothing. */
export async function readPayloadKeys(directory: string): Promise<KeyRing | undefined> {
  try {
    return keyRing(await readLines(join(directory, 'payload.key')));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The keys that sign checkpoints, or did, for verifying; undefined where there are none. Makes nothing. */
export async function readCheckpointKeys(directory: string): Promise<CheckpointKeys | undefined> {
  try {
    return checkpointKeys(await readLines(join(directory, 'checkpoint.key')));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export type Lines = readonly [string, ...string[]];

async function readOrMake(file: string, make: () => string): Promise<Lines> {
  try {
    return await readLines(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    await create(file, make() + '\n');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KeyFileError(`${file} is missing and cannot be made (${why}); put the key there`);
  }
  return readLines(file);
}

/** Writes beside it first and links it into place: the file appears whole or not at all, and the first process wins. */
async function create(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await handle.close();
    await unlink(draft);
  }
}

/** The keys of a file, each as it is written. Throws KeyFileError where others can read it or it holds none. */
export async function readLines(file: string): Promise<Lines> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0');
    throw new KeyFileError(`${file} can be opened by others (mode ${found}); make it private: chmod 600 ${file}`);
  }
  const [first, ...more] = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  if (first === undefined) throw new KeyFileError(`${file} is empty; put the key back from your backup`);
  for (const line of [first, ...more]) {
    if (Buffer.from(line, 'base64url').length < 32) {
      throw new KeyFileError(`${file} does not hold a key in base64url on each line; put it back from your backup`);
    }
  }
  return [first, ...more];
}

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url');
}

function secretKey(line: string): KeyObject {
  return createSecretKey(Buffer.from(line, 'base64url'));
}

function checkpointKeys([newest, ...older]: Lines): CheckpointKeys {
  return [signingKey(newest), ...older.map(verifyingKey)];
}

/** PKCS #8 in base64. */
function signingKey(line: string): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.from(line, 'base64url'), format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** What is left of a key that signs no more: its public half (SPKI in base64). */
export function verifyingKey(line: string): VerifyingKey {
  try {
    return { publicKey: createPublicKey({ key: Buffer.from(line, 'base64url'), format: 'der', type: 'spki' }) };
  } catch {
    // A file written by hand may hold the whole key.
    return { publicKey: signingKey(line).publicKey };
  }
}

function keyRing(lines: Lines): KeyRing {
  return { current: keyId(lines[0]), keys: new Map(lines.map((line) => [keyId(line), secretKey(line)])) };
}

/** The first eight hex digits of the SHA-256 of a secret key. */
export function keyId(line: string): string {
  return createHash('sha256').update(Buffer.from(line, 'base64url')).digest('hex').slice(0, 8);
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
