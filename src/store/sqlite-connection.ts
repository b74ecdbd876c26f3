// One connection to the SQLite file: opened, migrated, with its statements kept compiled. Synchronous.
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import type { Statement } from '../core/store.ts';
import { MIGRATIONS, SCHEMA_VERSION, newerSchemaMessage, statementsFor } from './migrations.ts';

/** SQLite waits this long for another process's lock before it says that it is busy. */
const BUSY_MS = 100;
/** Statements that stay compiled; the broker has a few dozen. */
const MAX_COMPILED = 256;
const TYPES = { integer: 'integer', bytes: 'blob', json: 'text' };

type Parameter = string | number | bigint | Uint8Array | null;

export class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #compiled = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Opens the file for writing, makes it (0600) and its tables where they are missing. Throws where it is busy, damaged or newer. */
  static open(file: string): SqliteConnection {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600));
    const database = new DatabaseSync(file, { timeout: BUSY_MS });
    try {
      database.exec('pragma journal_mode = wal');
      database.exec('pragma synchronous = full');
      // What is erased is overwritten.
      database.exec('pragma secure_delete = on');
      migrate(database, file);
    } catch (error) {
      database.close();
      throw error;
    }
    return new SqliteConnection(database);
  }

  /** Opens an existing file for reading alone. Throws where it is missing, damaged or of another schema. */
  static openToRead(file: string): SqliteConnection {
    const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS * 50 });
    try {
      const found = schemaVersion(database);
      if (found > SCHEMA_VERSION) throw new Error(newerSchemaMessage(file, found));
      if (found === 0) throw new Error(`${file} is not a Sallyport store`);
    } catch (error) {
      database.close();
      throw error;
    }
    return new SqliteConnection(database);
  }

  /** Runs a statement; resolves with how many rows it changed. */
  run(sql: string, parameters: readonly unknown[]): number {
    return Number(this.#compile(sql).run(...parameters.map(bindable)).changes);
  }

  all({ sql, parameters }: Statement): unknown[] {
    return this.#compile(sql).all(...parameters.map(bindable));
  }

  exec(sql: string): void {
    this.#compile(sql).run();
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  close(): void {
    this.#compiled.clear();
    this.#database.close();
  }

  #compile(sql: string): StatementSync {
    let compiled = this.#compiled.get(sql);
    if (compiled === undefined) {
      compiled = this.#database.prepare(sql);
      if (this.#compiled.size >= MAX_COMPILED) this.#compiled.clear();
      this.#compiled.set(sql, compiled);
    }
    return compiled;
  }
}

function migrate(database: DatabaseSync, file: string): void {
  database.exec('begin immediate');
  try {
    database.exec('create table if not exists migrations (id integer primary key)');
    const found = schemaVersion(database);
    if (found > SCHEMA_VERSION) throw new Error(newerSchemaMessage(file, found));
    for (const migration of MIGRATIONS.slice(found)) {
      for (const text of statementsFor(migration, TYPES)) database.exec(text);
      database.prepare('insert into migrations (id) values (?)').run(migration.id);
    }
    database.exec('commit');
  } catch (error) {
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}

function schemaVersion(database: DatabaseSync): number {
  const table = database.prepare(`select 1 from sqlite_master where type = 'table' and name = 'migrations'`).get();
  if (table === undefined) return 0;
  return Number(database.prepare('select coalesce(max(id), 0) as version from migrations').get()?.['version']);
}

function bindable(value: unknown): Parameter {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value as Parameter;
}
