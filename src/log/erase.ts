// Erases payloads, so that the log still verifies: the entries stay, and one more says what is gone and why.
import type { EntryBody } from '../core/entry.ts';
import type { Log } from '../core/log.ts';
import type { Statement } from '../core/store.ts';

type Erased = Extract<EntryBody, { type: 'payload.erased' }>;

/**
 * Erases the payloads of these entries, with their salts. Durable when it resolves; rejects as `Log.append` does, with
 * Conflict where one of them has no payload: then none is gone. `erasePayload` makes the statement for one entry.
 */
export async function erasePayloads(
  log: Log,
  erasePayload: (seq: number) => Statement,
  request: Omit<Erased, 'type'>,
): Promise<void> {
  if (request.entries.length === 0) return;
  await log.append([{ body: { type: 'payload.erased', ...request } }], request.entries.map(erasePayload));
}
