// Ends leases that nobody holds any more: those of brokers that died, and those whose revocation failed.
import type { CredentialProvider } from '../core/credential.ts';
import type { LeaseRecord } from '../core/lease-records.ts';
import { BROKER_SILENT_MS, RECALL_GRACE_MS } from '../core/limits.ts';
import { Conflict } from '../core/store.ts';
import type { BackendRef } from '../core/tool.ts';
import { endedEntry } from './held-lease.ts';
import type { LeasesOptions } from './leases.ts';

export interface SweepOptions extends Omit<LeasesOptions, 'providers'> {
  readonly providers: ReadonlyMap<string, CredentialProvider>;
  /** Whether this process holds the lease, and so ends it itself. */
  isHeld(record: LeaseRecord): boolean;
  /** Whether this process holds a credential of that name. */
  isInUse(reference: string): boolean;
}

/** The sweep: one round. It rejects when the records cannot be read; a lease that cannot be ended stays on record. */
export function createSweep(options: SweepOptions): () => Promise<void> {
  const { broker, clock, log, logger, providers, records } = options;

  /** A backend that fails once in a round is left alone for the rest of it: each try may wait for a timeout. */
  async function endRecords(found: readonly LeaseRecord[], backends: ReadonlyMap<string, BackendRef>): Promise<void> {
    const failed = new Set<string>();
    for (const record of found) {
      if (options.isHeld(record) || failed.has(record.backend)) continue;
      try {
        const login = loginOf(record, backends.get(record.backend));
        if (login === undefined) await strand(record);
        else await endRecord(record, login);
      } catch (error) {
        if (error instanceof Conflict) continue; // Another broker was first.
        failed.add(record.backend);
        const { id: lease, backend, reference } = record;
        logger.error(
          { lease, backend, reference, reason: messageOf(error) },
          'a lease could not be swept; trying again',
        );
      }
    }
  }

  async function endRecord(record: LeaseRecord, { declaration, provider }: Login): Promise<void> {
    const now = clock.now();
    try {
      // Where that takes the secret, which died with its broker, nobody can do more than wait.
      if (provider.revoke === undefined && (record.endsAt ?? record.expiresAt) > now) return;
      await provider.revoke?.(declaration.options, record.reference);
    } catch (error) {
      if (record.endsAt === undefined || record.endsAt > now) throw error;
    }
    const reason = endReason(record, now);
    await log.append([{ body: endedEntry(record, reason) }], [records.closed(record.id, now)]);
  }

  /**
   * The policies that hold the login are gone, and with them the way to end it. Whoever removed them must know, so the log says
   * it once; the lease stays open, and ends when its backend is declared again or its credential has ended by itself.
   */
  async function strand(record: LeaseRecord): Promise<void> {
    const { id: lease, backend, provider, reference, session, principal, endsAt = Infinity, strandedAt } = record;
    const now = clock.now();
    if (endsAt <= now) {
      await log.append([{ body: endedEntry(record, 'ttl') }], [records.closed(lease, now)]);
      return;
    }
    if (strandedAt !== undefined) return;
    const body = { type: 'lease.stranded', lease, backend, provider, reference, session, principal } as const;
    await log.append([{ body }], [records.stranded(lease, now)]);
    logger.error(
      { lease, backend, reference },
      `a lease cannot be ended: no policy file declares its backend with a ${provider} credential any more; declare it again, or end the credential by hand`,
    );
  }

  function loginOf(record: LeaseRecord, backend: BackendRef | undefined): Login | undefined {
    const declaration = backend?.credential;
    const provider = providers.get(record.provider);
    return declaration?.kind !== record.provider || provider === undefined ? undefined : { declaration, provider };
  }

  /** What no record tells of any more, as after a store was lost. */
  async function endLeftovers({ name, credential }: BackendRef): Promise<void> {
    if (credential === undefined) return;
    const provider = providers.get(credential.kind);
    try {
      for (const reference of (await provider?.leftovers?.(credential.options)) ?? []) {
        if (options.isInUse(reference)) continue;
        await provider?.revoke?.(credential.options, reference);
        logger.warn({ backend: name, reference }, 'ended a credential that had outlived its lease');
      }
    } catch (error) {
      logger.warn(
        { backend: name, reason: messageOf(error) },
        'a backend could not be asked for credentials that outlived their leases',
      );
    }
  }

  return async () => {
    const now = clock.now();
    const backends = new Map([...options.backends()].map((backend) => [backend.name, backend]));
    await endRecords(
      await records.overdue({
        broker,
        silentSince: now - BROKER_SILENT_MS,
        recalledBefore: now - RECALL_GRACE_MS,
        now,
      }),
      backends,
    );
    for (const backend of backends.values()) await endLeftovers(backend);
  };
}

function endReason({ recalledAt, expiresAt }: LeaseRecord, now: number): string {
  if (recalledAt !== undefined) return 'operator';
  return expiresAt <= now ? 'ttl' : 'sweep';
}

interface Login {
  readonly declaration: NonNullable<BackendRef['credential']>;
  readonly provider: CredentialProvider;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error;
}
