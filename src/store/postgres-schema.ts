// What `sallyport store init` makes, as the owner, and what the broker's own login may do with it.
import pg from 'pg';
import { MIGRATIONS, SCHEMA_VERSION, newerSchemaMessage, statementsFor } from './migrations.ts';

/** Everything is in a schema of its own, so that it can share a database. */
export const SCHEMA = 'sallyport';
/** Any number that nobody else locks: two that initialise at once take turns. */
const LOCK = 7_305_141_926;
const TYPES = { integer: 'bigint', bytes: 'bytea', json: 'text' };

/**
 * Entries are kept as text: Postgres's own JSON types refuse or change what is legal JSON (\\u0000). These operators read
 * members of such a text as SQLite does, with NUL shown as U+FFFD. Qualified, for maintenance runs with no search path.
 */
const OPERATORS = `
create function json_text(document text, member text) returns text language sql immutable strict parallel safe as $$
  select pg_catalog.replace(document, '\\u0000', '\\ufffd')::pg_catalog.json operator(pg_catalog.->>) member $$;
create function json_part(document text, member text) returns text language sql immutable strict parallel safe as $$
  select (pg_catalog.replace(document, '\\u0000', '\\ufffd')::pg_catalog.json operator(pg_catalog.->) member)::text $$;
create operator ->> (leftarg = text, rightarg = text, function = json_text);
create operator -> (leftarg = text, rightarg = text, function = json_part);`;

/**
 * The log is written through this function alone: the broker's login can neither choose a number nor change an entry.
 * `befores` and `afters` are lines: canonical JSON has no line feed, and a text is read several times faster than an array.
 * `offset 0` keeps the planner from making each entry's text twice, for itself and for its hash.
 */
const APPEND = `
create table if not exists log_head (only_row boolean primary key default true check (only_row), size bigint not null);
insert into log_head (size) select 0 where not exists (select 1 from log_head);
drop function if exists append(text[], text[], bytea[]);
create or replace function append(befores text, afters text, payloads bytea[]) returns bigint
language plpgsql security definer set search_path = ${SCHEMA}, pg_temp as $$
declare
  starts text[] := string_to_array(befores, E'\n');
  ends text[] := string_to_array(afters, E'\n');
  added bigint := cardinality(starts);
  head bigint;
begin
  if cardinality(ends) is distinct from added or cardinality(payloads) is distinct from added then
    raise exception 'append: % starts, % ends and % payloads of entries', added, cardinality(ends), cardinality(payloads);
  end if;
  update log_head set size = size + added returning size - added into head;
  insert into entries (seq, body, leaf)
    select head + place, text, sha256('\\x00'::bytea || convert_to(text, 'UTF8'))
    from (select place, before || (head + place)::text || after as text
          from unnest(starts, ends) with ordinality as given (before, after, place) offset 0) as numbered;
  insert into payloads (seq, sealed)
    select head + place, sealed from unnest(payloads) with ordinality as given (sealed, place) where sealed is not null;
  return head;
end $$;
revoke all on function append(text, text, bytea[]) from public;
create or replace function checkpoint_fits() returns trigger
language plpgsql security definer set search_path = ${SCHEMA}, pg_temp as $$
begin
  -- A checkpoint of more entries than there are would keep all later ones out.
  if new.size > (select size from log_head) then
    raise exception 'a checkpoint of % entries, and fewer are there', new.size;
  end if;
  return new;
end $$;
create or replace trigger checkpoint_fits before insert on checkpoints for each row execute function checkpoint_fits();`;

/** Tables of the log: the broker reads them, and beyond that may do only what stands here. */
const LOG_TABLES: Readonly<Record<string, string>> = {
  migrations: '',
  log_head: '',
  entries: '',
  // Sealed anew after a rotation: the bytes, never the number.
  payloads: 'delete, update (sealed)',
  tiles: 'insert, update',
  checkpoints: 'insert',
};

/**
 * Creates or updates the store's schema under an owner's login, and lets the role `broker` work with it. Safe to run
 * again, and while brokers run. Throws where the schema is newer than this program, or the role does not exist.
 */
export async function initPostgresStore(ownerUrl: string, broker: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'sallyport store init' });
  await client.connect();
  try {
    const role = pg.escapeIdentifier(broker);
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await client.query(`create schema if not exists ${SCHEMA}; set local search_path = ${SCHEMA}`);
    await client.query('create table if not exists migrations (id bigint primary key)');
    const found = await schemaVersion(client);
    if (found > SCHEMA_VERSION) throw new Error(newerSchemaMessage('the database', found));
    if (found === 0) await client.query(OPERATORS);
    for (const migration of MIGRATIONS.slice(found)) {
      for (const text of statementsFor(migration, TYPES)) await client.query(text);
      await client.query('insert into migrations (id) values ($1)', [migration.id]);
    }
    await client.query(APPEND);
    await client.query(`grant usage on schema ${SCHEMA} to ${role}`);
    await client.query(`grant execute on function append(text, text, bytea[]) to ${role}`);
    const { rows } = await client.query<{ tablename: string }>(
      'select tablename from pg_tables where schemaname = $1',
      [SCHEMA],
    );
    for (const { tablename } of rows) {
      const rights = ['select', LOG_TABLES[tablename] ?? 'insert, update, delete'].filter((right) => right !== '');
      await client.query(`grant ${rights.join(', ')} on ${pg.escapeIdentifier(tablename)} to ${role}`);
    }
    await client.query('commit');
  } finally {
    await client.end();
  }
}

/** Zero where nothing was initialised. The search path must be set. */
export async function schemaVersion(client: Pick<pg.ClientBase, 'query'>): Promise<number> {
  const { rows } = await client.query<{ version: string | number }>(
    'select coalesce(max(id), 0) as version from migrations',
  );
  return Number(rows[0]?.version);
}
