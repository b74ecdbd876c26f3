// Where the reading commands find the log: the embedded store or a shared one, opened read-only.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { StoreError } from '../core/errors.ts';
import type { KeyRing } from '../core/keys.ts';
import type { LogSource } from '../core/log-source.ts';
import { parseVerifier, verifierOf } from '../log/signed-note.ts';
import type { Verifier } from '../log/signed-note.ts';
import { KeyFileError, readCheckpointKeys, readPayloadKeys } from '../store/keys.ts';
import { openPostgresReader } from '../store/postgres-reader.ts';
import { storeLogSource } from '../store/log-source.ts';
import { openSqliteReader } from '../store/sqlite-reader.ts';
import type { StoreReader } from '../store/store-reader.ts';
import { UsageError } from './terminal.ts';

export interface PlaceOptions {
  readonly data?: string;
  readonly store?: string;
  readonly config?: string;
}

export interface LogPlace extends AsyncDisposable {
  readonly reader: StoreReader;
  readonly source: LogSource;
  /** Undefined where the payload key is not at hand: payloads then stay closed. */
  readonly payloadKeys: KeyRing | undefined;
}

export function withPlace(command: Command): Command {
  return command
    .option('--data <dir>', 'directory of the keys and of the embedded store (default: ".sallyport")')
    .option('--store <url>', 'Postgres that holds the store, with a login that may read it')
    .option('--config <file>', 'take both, and what else is needed, from this configuration');
}

export function configOf({ config: file }: PlaceOptions): Config | undefined {
  return file === undefined ? undefined : loadConfig({ file, env: process.env });
}

/** What the options say, or the configuration they name. */
function placeOf(options: PlaceOptions): { readonly data: string; readonly keys: string; readonly store?: string } {
  const { data: given, store } = options;
  const config = configOf(options);
  const url = store ?? (given === undefined ? config?.store?.reveal() : undefined);
  const data = given ?? config?.dataDirectory ?? '.sallyport';
  const keys = (given === undefined ? config?.keysDirectory : undefined) ?? join(data, 'keys');
  return { data, keys, ...(url === undefined ? {} : { store: url }) };
}

/** Where the key files are. */
export function keysOf(options: PlaceOptions): string {
  return placeOf(options).keys;
}

/** Throws UsageError where there is no store, or its keys must not be used. */
export async function openPlace(options: PlaceOptions): Promise<LogPlace> {
  const payloadKeys = await payloadKeysOf(options);
  const { data, store } = placeOf(options);
  try {
    const reader = store === undefined ? openSqliteReader(join(data, 'sallyport.db')) : await openPostgresReader(store);
    return {
      reader,
      source: storeLogSource(reader),
      payloadKeys,
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const hint = 'Name the directory of the broker with --data, or its database with --store.';
    throw new UsageError(error.message, hint);
  }
}

export async function payloadKeysOf(options: PlaceOptions): Promise<KeyRing | undefined> {
  return usable(readPayloadKeys(keysOf(options)));
}

/** The public keys that checkpoints are checked with: those given, else those of the place. */
export async function verifiersFor(
  origin: string,
  options: PlaceOptions,
  given: readonly string[],
): Promise<readonly Verifier[]> {
  if (given.length > 0) return (await Promise.all(given.map(readVerifiers))).flat();
  const directory = keysOf(options);
  const keys = await usable(readCheckpointKeys(directory));
  if (keys === undefined) {
    throw new UsageError(
      `there is no ${join(directory, 'checkpoint.key')} to check signatures with`,
      'Give the public key with --key: where the broker runs, `sallyport log key` prints it.',
    );
  }
  return keys.map(({ publicKey }) => verifierOf(origin, publicKey));
}

/** A verifier key, or a file that holds one a line, as `log key` prints them. */
async function readVerifiers(given: string): Promise<Verifier[]> {
  try {
    const text = /\+[0-9a-f]{8}\+/.test(given) ? given : await readFile(given, 'utf8');
    return text.trim().split('\n').map(parseVerifier);
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
