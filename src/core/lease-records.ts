// The port of what is durable about leases: one row each, written before the credential exists. Implemented in src/store.
import type { EntryPrincipal } from './entry.ts';
import type { Statement } from './store.ts';

export interface LeaseRecord {
  /** UUIDv7. */
  readonly id: string;
  /** Id of the broker process that holds its secret. */
  readonly broker: string;
  readonly backend: string;
  /** The provider's kind. */
  readonly provider: string;
  /** What the credential is called at the backend. */
  readonly reference: string;
  readonly principalKey: string;
  readonly principal: EntryPrincipal;
  readonly session: string;
  /** The invocation it was issued for. */
  readonly invocation: string;
  /** Milliseconds since the Unix epoch. */
  readonly issuedAt: number;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** When the credential ends by itself, in milliseconds since the Unix epoch; undefined where it does not, or before that is known. */
  readonly endsAt?: number | undefined;
  /** When it was found that nothing can end it, as its backend is declared no more. */
  readonly strandedAt?: number | undefined;
  /** SHA-256 (hex) of the backend's definition it was made under. */
  readonly optionsHash: string;
  /** When an operator took it back; undefined where nobody has. */
  readonly recalledAt?: number | undefined;
}

export interface LeaseRecords {
  /** Adds an open lease. */
  opened(lease: LeaseRecord): Statement;
  /** Adds what became known of an open lease when its credential was made, or renewed. */
  known(id: string, of: { reference: string; endsAt: number }): Statement;
  /** Marks an open lease; a Conflict where it is marked already, or closed. */
  stranded(id: string, at: number): Statement;
  /** Closes it; a Conflict where somebody else has closed it. */
  closed(id: string, at: number): Statement;
  /**
   * Open leases that may be over: of `broker` itself, of brokers that stopped or fell silent before `silentSince`, those past
   * `now`, and those that were taken back before `recalledBefore`.
   */
  overdue(of: OverdueAt): Promise<readonly LeaseRecord[]>;
}

export interface OverdueAt {
  readonly broker: string;
  readonly silentSince: number;
  readonly recalledBefore: number;
  readonly now: number;
}
