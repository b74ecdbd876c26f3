// Where the reading commands find the log: the store of a data directory, opened read-only.
import { join } from 'node:path';
import type { Command } from 'commander';
import { StoreError } from '../core/errors.ts';
import type { KeyRing } from '../core/keys.ts';
import type { LogSource } from '../core/log-source.ts';
import { KeyFileError, readPayloadKeys } from '../store/keys.ts';
import { storeLogSource } from '../store/log-source.ts';
import { openSqliteReader } from '../store/sqlite-reader.ts';
import { UsageError } from './terminal.ts';

export interface PlaceOptions {
  readonly data: string;
}

export interface LogPlace extends Disposable {
  readonly source: LogSource;
  /** Undefined where the payload key is not at hand: payloads then stay closed. */
  readonly payloadKeys: KeyRing | undefined;
}

export function withPlace(command: Command): Command {
  return command.option('--data <dir>', 'directory of the store and its keys', '.sallyport');
}

/** Throws UsageError where there is no store, or its keys must not be used. */
export async function openPlace({ data }: PlaceOptions): Promise<LogPlace> {
  try {
    const payloadKeys = await readPayloadKeys(join(data, 'keys'));
    const reader = openSqliteReader(join(data, 'sallyport.db'));
    return { source: storeLogSource(reader), payloadKeys, [Symbol.dispose]: () => reader[Symbol.dispose]() };
  } catch (error) {
    if (error instanceof StoreError) {
      throw new UsageError(
        error.message,
        'Name the directory of the broker with --data, or start it once to make one.',
      );
    }
    if (error instanceof KeyFileError) throw new UsageError(error.message);
    throw error;
  }
}
