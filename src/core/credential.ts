// The port of a credential provider, and of what hands out leases. Implemented in src/credential.
import type { z } from 'zod';
import type { Credential, Intent, Lease } from './evidence.ts';
import type { InboundToken } from './inbound-token.ts';
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
  /** Makes the credential. It is usable when this resolves. Throws CredentialError; what was half made, `revoke` ends, or its own expiry. */
  issue(options: Options, lease: LeaseRequest, reference: string, signal: AbortSignal): Promise<IssuedCredential>;
  /**
   * Ends the credential and every use of it, by its reference alone: that is all that is left of it after a crash. Idempotent.
   * When it resolves, no session of it survives. Left out where ending it takes the secret: what a crash leaves then
   * ends by its own expiry, and not before.
   */
  revoke?(options: Options, reference: string): Promise<void>;
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

/** What a provider may use to make a credential. */
export interface LeaseRequest extends LeasePlan {
  /** The token of the call that it is made for; of the calls that share the lease, the first. */
  readonly inbound: InboundToken | undefined;
  /**
   * Says what the credential turned out to be called, and when it ends by itself (milliseconds since the Unix epoch):
   * on record when it resolves, for whoever must end it after a crash. Rejects with StoreError.
   */
  named(reference: string, endsAt: number): Promise<void>;
}

export interface IssuedCredential {
  readonly fields: Credential;
  /** When it ends by itself, in milliseconds since the Unix epoch; left out where nothing but the lease ends it. */
  readonly endsAt?: number;
  /** Puts that off, and resolves with when it is now. Left out where it cannot be put off. Throws CredentialError. */
  readonly renew?: (signal: AbortSignal) => Promise<number>;
  /**
   * Ends it, with what only its holder knows; resolves with whether that was possible. Called once at most. Left out where the
   * provider's `revoke` does it, or nobody can.
   */
  readonly revoke?: () => Promise<boolean>;
}

export interface Leases {
  /**
   * The lease for this invocation: a running one of the same principal, session and backend, or a new one, recorded
   * durably before its credential exists. Undefined where the backend declares no credential. Throws CredentialError
   * or StoreError. `inbound` is the token of this call. Dispose of the hold when the call has ended; an `invocation` lease then ends with it.
   */
  acquire(intent: Intent, backend: BackendRef, signal: AbortSignal, inbound?: InboundToken): Promise<LeaseHold>;
  /** Ends every lease of a session, or all of them. Resolves when each is revoked or handed to the sweep. */
  endSession(session: string, reason: string): Promise<void>;
  endAll(reason: string): Promise<void>;
}

export interface LeaseHold extends AsyncDisposable {
  readonly lease: Lease | undefined;
}
