// One call of the demo's agent: what it asked, what it was shown, and what the log says happened in between. Pure.
import type { EntryBody } from '../core/entry.ts';

/** An entry as it stands in the log. */
export type LoggedEntry = EntryBody & { readonly seq: number; readonly time: string };

type Logged<Type extends EntryBody['type']> = Extract<LoggedEntry, { readonly type: Type }>;

export interface FollowedCall {
  readonly tool: string;
  /** JSON, as the agent sent it. */
  readonly arguments: string;
  /** The text the model was given for it. */
  readonly shown: string;
  readonly refused: Logged<'refused'> | undefined;
  readonly intent: Logged<'intent'> | undefined;
  readonly outcome: Logged<'outcome'> | undefined;
  /** What a person said about it. */
  readonly reviewed: Logged<'approval.reviewed'> | undefined;
  /** The lease it ran on, whichever call that was issued for. */
  readonly lease: Logged<'lease.issued'> | undefined;
}

/** Without what approvers were shown of calls: that was looked up in invocations of its own. */
function withoutPreviews(entries: readonly LoggedEntry[]): readonly LoggedEntry[] {
  const looks = new Set(entries.flatMap((entry) => (entry.type === 'approval.requested' ? (entry.preview ?? []) : [])));
  return entries.filter((entry) => !('invocation' in entry && looks.has(entry.invocation)));
}

/** `gained` is what the log gained while this call, and no other, ran; `log` is all of it. */
export function followCall(
  call: { readonly tool: string; readonly arguments: string; readonly shown: string },
  gained: readonly LoggedEntry[],
  log: readonly LoggedEntry[],
): FollowedCall {
  const written = withoutPreviews(gained);
  const outcome = find(written, 'outcome', call.tool);
  const lease = log.find(
    (entry): entry is Logged<'lease.issued'> => entry.type === 'lease.issued' && entry.lease === outcome?.lease,
  );
  return {
    ...call,
    refused: find(written, 'refused', call.tool),
    intent: find(written, 'intent', call.tool),
    outcome,
    reviewed: find(written, 'approval.reviewed', call.tool),
    lease,
  };
}

function find<Type extends 'refused' | 'intent' | 'outcome' | 'approval.reviewed'>(
  entries: readonly LoggedEntry[],
  type: Type,
  tool: string,
): Logged<Type> | undefined {
  return entries.find((entry): entry is Logged<Type> => entry.type === type && 'tool' in entry && entry.tool === tool);
}
