// Hands out leases, ends them, and sweeps up what a crash left. One for each broker process.
import type { Clock } from '../core/clock.ts';
import type { CredentialProvider, LeaseHold, Leases } from '../core/credential.ts';
import { untilAborted } from '../core/deadline.ts';
import { CredentialError } from '../core/errors.ts';
import type { Intent, PermitGrant } from '../core/evidence.ts';
import type { InboundToken } from '../core/inbound-token.ts';
import type { LeaseRecord, LeaseRecords } from '../core/lease-records.ts';
import { LEASE_SWEEP_INTERVAL_MS, MAX_LEASES_PER_PRINCIPAL } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import type { BackendRef, CredentialDeclaration } from '../core/tool.ts';
import { HeldLease } from './held-lease.ts';
import { expiryOf, isIdle, isWorn } from './lease-life.ts';
import { createSweep } from './lease-sweep.ts';

export interface LeasesOptions {
  readonly providers: readonly CredentialProvider[];
  readonly log: Log;
  readonly records: LeaseRecords;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Id of this broker process. */
  readonly broker: string;
  /** The backends of the policy set in force: a sweep needs the login that can end what an earlier process made. */
  backends(): Iterable<BackendRef>;
}

export interface RunningLeases extends Leases, AsyncDisposable {
  /** Sweeps now and every LEASE_SWEEP_INTERVAL_MS until disposed of. */
  start(): void;
  /** Ends what should have ended. Resolves when each such lease is revoked, or has failed and stays for the next sweep. */
  sweep(): Promise<void>;
  /** Ends those of this process that `which` chooses at an operator's word, and stops the calls on them. */
  stop(which: (lease: LeaseRecord) => boolean): Promise<void>;
  /** Whether this process holds the lease, and so ends it itself. */
  holds(id: string): boolean;
}

export function createLeases(options: LeasesOptions): RunningLeases {
  const { clock, logger } = options;
  const providers = new Map(options.providers.map((provider) => [provider.kind, provider]));
  /** Every lease of this process that has not been revoked, those being made included. */
  const held = new Set<HeldLease>();
  /** The lease that the next call of a principal, session and backend gets. */
  const current = new Map<string, HeldLease>();
  const ports = { ...options, providers, gone: (lease: HeldLease) => void held.delete(lease) };
  const sweepRecords = createSweep({
    ...options,
    providers,
    isHeld: ({ id }) => holds(id),
    isInUse: (reference) => [...held].some((lease) => lease.reference === reference),
  });
  let timer: NodeJS.Timeout | undefined;

  function holds(id: string): boolean {
    return [...held].some((lease) => lease.id === id);
  }

  function leaseFor(
    intent: Intent,
    backend: BackendRef,
    declaration: CredentialDeclaration,
    inbound: InboundToken | undefined,
  ): HeldLease {
    const { principal, session } = intent.permit.invocation;
    const now = clock.now();
    const { grant } = intent.permit;
    const sessionEnds = expiryOf({ now, ttlMs: declaration.ttlMs, tokenExpiresAt: principal.expiresAt, session });
    const expiresAt = Math.min(sessionEnds, grant?.expiresAt ?? Infinity);
    if (expiresAt <= now) {
      throw new CredentialError('credential_unavailable', "the caller's token, or the grant of the call, has expired");
    }
    const shared = declaration.scope === 'session';
    const key = JSON.stringify([
      principal.key,
      session,
      backend.name,
      backend.resolvedHash.reveal(),
      grant?.id ?? null,
      // What is made of a token can do what that token could: another one may be good for less.
      principal.scopes.toSorted(),
    ]);
    const running = shared ? current.get(key) : undefined;
    if (running?.isOpen === true && !isWorn(running, now, expiresAt)) return running;
    makeRoom(principal.key);
    const lease = new HeldLease(ports, { intent, backend, declaration, inbound, issuedAt: now, expiresAt });
    held.add(lease);
    if (grant !== undefined) endWithGrant(lease, grant);
    if (shared) {
      current.set(key, lease);
      lease.onEnd(() => {
        if (current.get(key) === lease) current.delete(key);
      });
      running?.endWhenIdle('ttl');
    } else {
      lease.endWhenIdle('invocation');
    }
    return lease;
  }

  /** A revocation stops the calls on it; of a grant that is used up, the last running call ends it. */
  function endWithGrant(lease: HeldLease, { over, revoked }: PermitGrant): void {
    const once = { once: true };
    revoked.addEventListener('abort', () => void lease.end('grant'), once);
    over.addEventListener('abort', () => lease.endWhenIdle('grant'), once);
    if (revoked.aborted) void lease.end('grant');
    else if (over.aborted) lease.endWhenIdle('invocation');
  }

  /** A principal at its limit gives up the lease that it has not used for longest; where all are in use it must wait. */
  function makeRoom(principalKey: string): void {
    const own = [...held].filter((lease) => lease.principalKey === principalKey && lease.isAlive);
    if (own.length < MAX_LEASES_PER_PRINCIPAL) return;
    const idle = own.filter((lease) => lease.uses === 0).sort((a, b) => a.lastUsedAt - b.lastUsedAt)[0];
    if (idle === undefined)
      throw new CredentialError('too_many_leases', `${String(own.length)} leases are in use by this principal`);
    void idle.end('ttl');
  }

  async function endEvery(which: (lease: HeldLease) => boolean, reason: string): Promise<void> {
    await Promise.all([...held].filter(which).map((lease) => lease.end(reason)));
  }

  async function sweep(): Promise<void> {
    const now = clock.now();
    await endEvery((lease) => lease.expiresAt <= now, 'ttl');
    await endEvery((lease) => isIdle(lease, now), 'session');
    try {
      await sweepRecords();
    } catch (error) {
      logger.error(
        { reason: error instanceof Error ? error.message : typeof error },
        'leases could not be swept; trying again',
      );
    }
  }

  return {
    async acquire(intent, backend, signal, inbound): Promise<LeaseHold> {
      if (backend.credential === undefined) return { lease: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
      signal.throwIfAborted();
      const lease = leaseFor(intent, backend, backend.credential, inbound);
      const release = lease.use();
      try {
        // The lease is made for all who wait for it: one caller that goes away does not stop it.
        return { lease: await untilAborted(lease.issued, signal), [Symbol.asyncDispose]: release };
      } catch (error) {
        void release();
        if (signal.aborted)
          throw new CredentialError('cancelled', 'the call ended while its credential was being made', error);
        throw error;
      }
    },

    endSession: (session, reason) => endEvery((lease) => lease.session === session, reason),
    stop: (which) => endEvery((lease) => which(lease.record), 'operator'),
    holds,
    endAll: (reason) => endEvery(() => true, reason),
    sweep,

    start() {
      timer ??= setInterval(() => void sweep(), LEASE_SWEEP_INTERVAL_MS).unref();
      void sweep();
    },

    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await endEvery(() => true, 'shutdown');
    },
  };
}
