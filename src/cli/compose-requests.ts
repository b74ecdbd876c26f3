// The part of the composition root that opens what an approval was asked for, as its approvers are to see it.
import { shownPreview } from '../approval/shown-preview.ts';
import type { RequestOf } from '../approval/shown-request.ts';
import type { KeyRing } from '../core/keys.ts';
import type { LogSource } from '../core/log-source.ts';
import { recordedEnding, requestedPayloads } from '../log/payload.ts';

export function openRequests(source: LogSource, ring: KeyRing): RequestOf {
  return async ({ invocation }) => {
    const requested = await requestedPayloads(source, ring, invocation);
    if (requested?.lookedAhead === undefined) return requested;
    const { lookedAhead, ...payloads } = requested;
    return { ...payloads, preview: shownPreview(await recordedEnding(source, ring, lookedAhead)) };
  };
}
