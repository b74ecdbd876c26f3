// Where the reading commands find the log: the store of a data directory, opened read-only.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { StoreError } from '../core/errors.ts';
import type { KeyRing } from '../core/keys.ts';
import type { LogSource } from '../core/log-source.ts';
import { parseVerifier, verifierOf } from '../log/signed-note.ts';
import type { Verifier } from '../log/signed-note.ts';
import { KeyFileError, readCheckpointKeys, readPayloadKeys } from '../store/keys.ts';
import { storeLogSource } from '../store/log-source.ts';
import { openSqliteReader } from '../store/sqlite-reader.ts';
import type { StoreReader } from '../store/sqlite-reader.ts';
import { UsageError } from './terminal.ts';

export interface PlaceOptions {
  readonly data: string;
}

export interface LogPlace extends Disposable {
  readonly reader: StoreReader;
  readonly source: LogSource;
  /** Undefined where the payload key is not at hand: payloads then stay closed. */
  readonly payloadKeys: KeyRing | undefined;
}

export function withPlace(command: Command): Command {
  return command.option('--data <dir>', 'directory of the store and its keys', '.sallyport');
}

/** Throws UsageError where there is no store, or its keys must not be used. */
export async function openPlace({ data }: PlaceOptions): Promise<LogPlace> {
  const payloadKeys = await payloadKeysOf(data);
  try {
    const reader = openSqliteReader(join(data, 'sallyport.db'));
    return { reader, source: storeLogSource(reader), payloadKeys, [Symbol.dispose]: () => reader[Symbol.dispose]() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new UsageError(error.message, 'Name the directory of the broker with --data, or start it once to make one.');
  }
}

export async function payloadKeysOf(data: string): Promise<KeyRing | undefined> {
  return usable(readPayloadKeys(join(data, 'keys')));
}

/** The public keys that checkpoints are checked with: those given, else those of the data directory. */
export async function verifiersFor(
  origin: string,
  data: string,
  given: readonly string[],
): Promise<readonly Verifier[]> {
  if (given.length > 0) return Promise.all(given.map(readVerifier));
  const keys = await usable(readCheckpointKeys(join(data, 'keys')));
  if (keys === undefined) {
    throw new UsageError(
      `there is no ${join(data, 'keys', 'checkpoint.key')} to check signatures with`,
      'Give the public key with --key: where the broker runs, `sallyport log key` prints it.',
    );
  }
  return keys.map(({ publicKey }) => verifierOf(origin, publicKey));
}

/** A verifier key, or a file that holds one. */
async function readVerifier(given: string): Promise<Verifier> {
  try {
    return parseVerifier(/\+[0-9a-f]{8}\+/.test(given) ? given : await readFile(given, 'utf8'));
  } catch (error) {
    throw new UsageError(`--key ${given}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export async function readGiven(option: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${option} ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function usable<Value>(keys: Promise<Value>): Promise<Value> {
  try {
    return await keys;
  } catch (error) {
    if (error instanceof KeyFileError) throw new UsageError(error.message);
    throw error;
  }
}
