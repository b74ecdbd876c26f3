// The tables, as Kysely sees them. The same on SQLite and Postgres: integers, text and bytes only.
// Times are milliseconds since the Unix epoch. Made by migrations.ts.

export interface Tables {
  entries: EntriesTable;
  payloads: PayloadsTable;
  leases: LeasesTable;
  calls: CallsTable;
  sessions: SessionsTable;
  brokers: BrokersTable;
  settings: SettingsTable;
  tiles: TilesTable;
  checkpoints: CheckpointsTable;
  approvals: ApprovalsTable;
  reviews: ReviewsTable;
  grants: GrantsTable;
  tokens: TokensTable;
  reveals: RevealsTable;
  deliveries: DeliveriesTable;
  callbacks: CallbacksTable;
  switches: SwitchesTable;
  cancellations: CancellationsTable;
}

export interface SettingsTable {
  name: string;
  value: string;
}

/** Append-only. Only the store writes it. */
export interface EntriesTable {
  /** From 1, without a gap. */
  seq: number;
  /** Canonical JSON. */
  body: string;
  /** RFC 6962 leaf hash of the body's bytes. */
  leaf: Uint8Array;
}

/** What an entry's `payload.sha256` binds. Erasable. Only the store writes it. */
export interface PayloadsTable {
  seq: number;
  /** See sealing.ts. */
  sealed: Uint8Array;
}

export interface LeasesTable {
  id: string;
  broker: string;
  backend: string;
  /** The provider's kind. */
  provider: string;
  /** What the credential is called at the backend. */
  reference: string;
  principal_key: string;
  /** JSON: issuer, subject, actor. */
  principal: string;
  session: string;
  /** The invocation it was issued for. */
  invocation: string;
  issued_at: number;
  expires_at: number;
  /** Null until the credential is known to be gone. */
  ended_at: number | null;
  /** When the credential ends by itself; null where it does not, or before that is known. */
  ends_at: number | null;
  /** When it was found that nothing can end it, as its backend is declared no more. */
  stranded_at: number | null;
  /** When an operator took it back; its broker ends it then. */
  recalled_at: number | null;
  /** Which options it was made with, so that a sweep uses the login that fits. */
  options_hash: string;
}

/** Calls that an identical one joins: running, or finished with a reply that was not delivered. */
export interface CallsTable {
  /** Keyed hash of who calls what with which arguments (src/core/digest.ts). */
  digest: string;
  invocation: string;
  broker: string;
  /** `unknown`: the broker that ran it died. */
  state: 'running' | 'finished' | 'unknown';
  /** Null while it runs. */
  finished_at: number | null;
}

export interface SessionsTable {
  id: string;
  principal_key: string;
  label: string;
  started_at: number;
  last_seen_at: number;
}

export interface BrokersTable {
  id: string;
  started_at: number;
  heartbeat_at: number;
  stopped_at: number | null;
}

/** The log's Merkle tree above its leaves. */
export interface TilesTable {
  level: number;
  position: number;
  /** Up to 16 hashes of 32 bytes. */
  hashes: Uint8Array;
}

export interface CheckpointsTable {
  size: number;
  /** A C2SP signed note. */
  note: string;
}

/** At most one row per digest is pending or approved. */
export interface ApprovalsTable {
  id: string;
  digest: string;
  state: 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'used';
  principal_key: string;
  /** JSON: issuer, subject, actor. */
  principal: string;
  session: string;
  tool: string;
  backend: string;
  /** The invocation that asked first; its `approval.requested` entry keeps the arguments. */
  invocation: string;
  policy: string;
  /** JSON: see src/core/approval.ts. */
  requirements: string;
  /** Null where no grant may be given. */
  grant_scope: string | null;
  requested_at: number;
  expires_at: number;
  decided_at: number | null;
  waiter: string | null;
  used_by: string | null;
}

/** One person's word on one approval. */
export interface ReviewsTable {
  approval: string;
  issuer: string;
  subject: string;
  /** JSON: see src/core/approval.ts. */
  person: string;
  verdict: 'approve' | 'deny';
  reason: string | null;
  at: number;
  /** Both null where this call alone was meant. */
  grant_ms: number | null;
  grant_uses: number | null;
}

/** Access for a while, given in the place of one approval. */
export interface GrantsTable {
  id: string;
  approval: string;
  scope: string;
  /** JSON: issuer, subject, actor. */
  principal: string;
  session: string;
  tool: string;
  backend: string;
  policy: string;
  uses: number;
  uses_left: number;
  given_at: number;
  expires_at: number;
  ended_at: number | null;
  ended_as: 'used_up' | 'expired' | 'revoked' | null;
}

/** Which principal was given which token. */
export interface TokensTable {
  principal_key: string;
  token: string;
  /** The value it stands for; see sealing.ts. */
  sealed: Uint8Array;
  given_at: number;
  expires_at: number;
}

/** Requests to show a person what a token stands for, until they are used or their time is up. */
export interface RevealsTable {
  id: string;
  token: string;
  /** JSON: issuer, subject, name. */
  person: string;
  reason: string;
  expires_at: number;
  /** As `person`; null while nobody has agreed. */
  approver: string | null;
}

/** What channels are to be told of approvals. */
export interface DeliveriesTable {
  approval: string;
  channel: 'slack';
  part: 'request' | 'outcome';
  state: 'waiting' | 'delivered' | 'superseded' | 'given_up';
  revision: number;
  attempts: number;
  due_at: number;
  error: string | null;
  /** The channel's own word for its message. */
  handle: string | null;
}

/** Callbacks that were listened to, until they are too old to be. */
export interface CallbacksTable {
  signature: string;
  until: number;
}

/** What operators have switched off. The setting `switches` counts the changes. */
export interface SwitchesTable {
  kind: 'subject' | 'agent' | 'session' | 'backend';
  /** Empty where every issuer is meant. */
  issuer: string;
  name: string;
  reason: string;
  /** JSON: issuer, subject, name. */
  person: string;
  at: number;
}

/** Cancellations that arrived at another broker than their call, until it hears of them. */
export interface CancellationsTable {
  /** Hash of principal, session label and JSON-RPC id. */
  call: string;
  told_at: number;
}
