// Ends leases that nobody holds any more: those of brokers that died, and those whose revocation failed.
import type { CredentialProvider } from '../core/credential.ts';
import type { LeaseRecord } from '../core/lease-records.ts';
import { BROKER_SILENT_MS } from '../core/limits.ts';
import { Conflict } from '../core/store.ts';
import { endedEntry } from './held-lease.ts';
import type { LeasesOptions } from './leases.ts';

export interface SweepOptions extends Omit<LeasesOptions, 'providers'> {
  readonly providers: ReadonlyMap<string, CredentialProvider>;
  /** Whether this process holds the lease, and so ends it itself. */
  isHeld(id: string): boolean;
}

/** The sweep: one round. It rejects when the records cannot be read; a lease that cannot be ended stays on record. */
export function createSweep(options: SweepOptions): () => Promise<void> {
  const { broker, clock, log, logger, records } = options;

  async function end(record: LeaseRecord): Promise<void> {
    const login = [...options.backends()].find((backend) => backend.name === record.backend)?.credential;
    const provider = options.providers.get(record.provider);
    if (login?.kind !== record.provider || provider === undefined) {
      throw new Error(
        `no policy file declares the backend ${record.backend} with a ${record.provider} credential any more`,
      );
    }
    await provider.revoke(login.options, record.reference);
    const reason = record.expiresAt <= clock.now() ? 'ttl' : 'sweep';
    await log.append([{ body: endedEntry(record, reason) }], [records.closed(record.id, clock.now())]);
  }

  return async () => {
    const now = clock.now();
    const found = await records.overdue({ broker, silentSince: now - BROKER_SILENT_MS, now });
    for (const record of found) {
      if (options.isHeld(record.id)) continue;
      try {
        await end(record);
      } catch (error) {
        if (error instanceof Conflict) continue; // Another broker ended it first.
        const reason = error instanceof Error ? error.message : typeof error;
        logger.error(
          { lease: record.id, reference: record.reference, reason },
          'a lease could not be swept; trying again',
        );
      }
    }
  };
}
