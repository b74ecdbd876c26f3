// The port of a credential provider, and of what hands out leases. Implemented in src/credential.
import type { z } from 'zod';
import type { Credential, Intent, Lease } from './evidence.ts';
import type { BackendRef } from './tool.ts';
import type { Report } from './problem.ts';

export interface CredentialProvider<Options = unknown> {
  /** The word policy files use: `kind: postgres-role`. */
  readonly kind: string;
  /** A `credential` block's keys beside `kind`, `scope` and `ttl`. References are resolved before it parses. */
  readonly options: z.ZodType<Options>;
  /** Keys whose values must be references: a policy file never holds a secret itself. */
  readonly secrets?: readonly string[];
  /** What is to be said of options that hold. Pure: asks nobody. */
  inspect?(options: Options, report: Report): void;
  /** Chooses what the credential will be called at the backend, before it exists, so that it can be recorded first. */
  reference(lease: LeasePlan): string;
  /** Makes the credential. It is usable when this resolves. Throws CredentialError; what was half made is found by `sweep`. */
  issue(options: Options, lease: LeasePlan, reference: string, signal: AbortSignal): Promise<Credential>;
  /** Ends the credential and every use of it. Idempotent. When it resolves, no session of it survives. */
  revoke(options: Options, reference: string): Promise<void>;
  /** References of this deployment's credentials that outlived their time without anybody's record of them. */
  leftovers?(options: Options): Promise<readonly string[]>;
  /** `check --connect`: whether the login that makes credentials may do what it must. */
  examine(options: Options, report: Report, signal: AbortSignal): Promise<void>;
}

export interface LeasePlan {
  /** UUIDv7. */
  readonly id: string;
  readonly backend: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export interface Leases {
  /**
   * The lease for this invocation: a running one of the same principal, session and backend, or a new one, recorded
   * durably before its credential exists. Undefined where the backend declares no credential. Throws CredentialError
   * or StoreError. Dispose of the hold when the call has ended; an `invocation` lease then ends with it.
   */
  acquire(intent: Intent, backend: BackendRef, signal: AbortSignal): Promise<LeaseHold>;
  /** Ends every lease of a session, or all of them. Resolves when each is revoked or handed to the sweep. */
  endSession(session: string, reason: string): Promise<void>;
  endAll(reason: string): Promise<void>;
}

export interface LeaseHold extends AsyncDisposable {
  readonly lease: Lease | undefined;
}
