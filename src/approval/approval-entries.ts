// What the log is told about an approval. Pure.
import { named, type Approval, type ApprovalState, type Review } from '../core/approval.ts';
import type { Ask } from '../core/approvals.ts';
import { calledWith, type NewEntry } from '../core/entry.ts';

export function requestedEntry(approval: Approval, ask: Ask, preview: string | undefined): NewEntry {
  const { invocation, tool, decision, justification } = ask;
  return {
    body: {
      ...subjectOf(approval),
      type: 'approval.requested',
      invocation: invocation.id,
      digest: approval.digest,
      rules: decision.rules,
      expires: new Date(approval.expiresAt).toISOString(),
      ...(preview === undefined ? {} : { preview }),
    },
    payloads: { ...calledWith(invocation, tool), ...(justification === undefined ? {} : { justification }) },
  };
}

export function reviewedEntry(approval: Approval, review: Review, state: ApprovalState): NewEntry {
  return {
    body: {
      ...subjectOf(approval),
      type: 'approval.reviewed',
      person: named(review.person),
      verdict: review.verdict,
      ...(review.reason === undefined ? {} : { reason: review.reason }),
      state,
    },
  };
}

export function usedEntry(approval: Approval, invocation: string): NewEntry {
  return { body: { ...subjectOf(approval), type: 'approval.used', invocation } };
}

export function endedEntry(approval: Approval, event: 'expire' | 'cancel'): NewEntry {
  return { body: { ...subjectOf(approval), type: event === 'expire' ? 'approval.expired' : 'approval.cancelled' } };
}

function subjectOf({ id, principal, session, tool, backend, policy }: Approval) {
  return { approval: id, principal, session, tool, backend, policy };
}
