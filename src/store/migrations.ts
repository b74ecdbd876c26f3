// The schema's history: numbered, never edited once released, run once under the database's lock. Pure data.
// `{integer}` and `{bytes}` stand for what each engine calls a 64-bit integer and a byte string.

export interface Migration {
  readonly id: number;
  readonly statements: readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    statements: [
      `create table settings (name text primary key, value text not null)`,
      `create table entries (seq {integer} primary key, body {json} not null, leaf {bytes} not null)`,
      `create index entries_invocation on entries ((body ->> 'invocation')) where (body ->> 'invocation') is not null`,
      `create table payloads (seq {integer} primary key, sealed {bytes} not null)`,
      `create table leases (
        id text primary key, broker text not null, backend text not null, provider text not null,
        reference text not null, principal_key text not null, principal text not null, session text not null,
        invocation text not null, issued_at {integer} not null, expires_at {integer} not null,
        ended_at {integer}, options_hash text not null)`,
      `create index leases_open on leases (expires_at) where ended_at is null`,
      `create table calls (
        digest text primary key, invocation text not null unique, broker text not null,
        state text not null check (state in ('running', 'finished', 'unknown')), finished_at {integer})`,
      `create index calls_finished on calls (finished_at) where finished_at is not null`,
      `create table sessions (
        id text primary key, principal_key text not null, label text not null,
        started_at {integer} not null, last_seen_at {integer} not null)`,
      `create index sessions_principal on sessions (principal_key, label, last_seen_at)`,
      `create table brokers (
        id text primary key, started_at {integer} not null, heartbeat_at {integer} not null, stopped_at {integer})`,
    ],
  },
  {
    id: 2,
    statements: [
      `create table tiles (
        level {integer} not null, position {integer} not null, hashes {bytes} not null, primary key (level, position))`,
      `create table checkpoints (size {integer} primary key, note text not null)`,
    ],
  },
  {
    id: 3,
    statements: [
      `create table approvals (
        id text primary key, digest text not null,
        state text not null check (state in ('pending', 'approved', 'denied', 'expired', 'cancelled', 'used')),
        principal_key text not null, principal text not null, session text not null, tool text not null,
        backend text not null, invocation text not null, policy text not null, requirements text not null,
        requested_at {integer} not null, expires_at {integer} not null, decided_at {integer},
        waiter text, used_by text)`,
      `create unique index approvals_open on approvals (digest) where state in ('pending', 'approved')`,
      `create index approvals_pending on approvals (principal_key) where state = 'pending'`,
      `create index approvals_overdue on approvals (expires_at) where state in ('pending', 'approved')`,
      `create table reviews (
        approval text not null, issuer text not null, subject text not null, person text not null,
        verdict text not null check (verdict in ('approve', 'deny')), reason text, at {integer} not null,
        primary key (approval, issuer, subject))`,
    ],
  },
  {
    id: 4,
    statements: [
      `alter table approvals add column grant_scope text`,
      `alter table reviews add column grant_ms {integer}`,
      `alter table reviews add column grant_uses {integer}`,
      `create table grants (
        id text primary key, approval text not null, scope text not null, principal text not null,
        session text not null, tool text not null, backend text not null, policy text not null,
        uses {integer} not null, uses_left {integer} not null, given_at {integer} not null,
        expires_at {integer} not null, ended_at {integer},
        ended_as text check (ended_as in ('used_up', 'expired', 'revoked')))`,
      `create index grants_running on grants (scope) where ended_at is null`,
    ],
  },
  {
    id: 5,
    statements: [
      `create table tokens (
        principal_key text not null, token text not null, sealed {bytes} not null, given_at {integer} not null,
        expires_at {integer} not null, primary key (principal_key, token))`,
      `create index tokens_expired on tokens (expires_at)`,
    ],
  },
  {
    id: 6,
    statements: [
      `create table deliveries (
        approval text not null, channel text not null, part text not null check (part in ('request', 'outcome')),
        state text not null check (state in ('waiting', 'delivered', 'superseded', 'given_up')),
        revision {integer} not null, attempts {integer} not null, due_at {integer} not null,
        error text, handle text, primary key (approval, channel, part))`,
      `create index deliveries_due on deliveries (due_at) where state = 'waiting'`,
      `create table callbacks (signature text primary key, until {integer} not null)`,
      `create index callbacks_until on callbacks (until)`,
    ],
  },
  {
    id: 7,
    // Without a condition, which would read every entry's JSON once more.
    statements: [
      `drop index entries_invocation`,
      `create index entries_invocation on entries ((body ->> 'invocation'))`,
    ],
  },
  {
    id: 8,
    statements: [
      `alter table leases add column ends_at {integer}`,
      `alter table leases add column stranded_at {integer}`,
    ],
  },
  {
    id: 9,
    statements: [
      `create table switches (
        kind text not null check (kind in ('subject', 'agent', 'session', 'backend')), issuer text not null,
        name text not null, reason text not null, person text not null, at {integer} not null,
        primary key (kind, issuer, name))`,
      `insert into settings (name, value) values ('switches', '0')`,
      `alter table leases add column recalled_at {integer}`,
      `create index leases_recalled on leases (recalled_at) where recalled_at is not null and ended_at is null`,
    ],
  },
  {
    id: 10,
    statements: [`create index approvals_decided on approvals (decided_at)`],
  },
  {
    id: 11,
    statements: [
      `create table reveals (
        id text primary key, token text not null, person text not null, reason text not null,
        expires_at {integer} not null, approver text)`,
      `create index tokens_token on tokens (token)`,
    ],
  },
  {
    id: 12,
    statements: [
      `create table cancellations (call text primary key, told_at {integer} not null)`,
      `create index cancellations_told on cancellations (told_at)`,
    ],
  },
];

/** The newest schema this program knows. */
export const SCHEMA_VERSION = MIGRATIONS.length;

export interface TypeNames {
  readonly integer: string;
  readonly bytes: string;
  /** Must keep the text exactly as it was given. */
  readonly json: string;
}

/** The statements of a migration in an engine's own words. */
export function statementsFor(migration: Migration, types: TypeNames): readonly string[] {
  return migration.statements.map((text) =>
    text.replaceAll('{integer}', types.integer).replaceAll('{bytes}', types.bytes).replaceAll('{json}', types.json),
  );
}

export function newerSchemaMessage(where: string, found: number): string {
  return (
    `${where} has schema ${String(found)}, and this program knows schemas up to ${String(SCHEMA_VERSION)}: ` +
    `it was used by a newer Sallyport. Start that version again; there is no way back to an older one.`
  );
}
