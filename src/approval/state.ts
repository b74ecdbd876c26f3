// The states of an approval and every step between them. Pure. A state or event that is added without its row does not compile.

import type { ApprovalState } from '../core/approval.ts';

export type ApprovalEvent =
  /** Enough distinct people have approved. */
  | 'approve'
  /** One person has declined: deny beats approve, and ends it. */
  | 'deny'
  /** Its time is up. */
  | 'expire'
  /** The agent withdrew its call. */
  | 'cancel'
  /** The call runs: committed together with its intent. */
  | 'use';

/** Why an event changes nothing. */
export type Refused = 'already_decided' | 'not_approved' | 'over';

const STEPS: Record<ApprovalState, Record<ApprovalEvent, ApprovalState | { readonly refused: Refused }>> = {
  pending: {
    approve: 'approved',
    deny: 'denied',
    expire: 'expired',
    cancel: 'cancelled',
    use: { refused: 'not_approved' },
  },
  approved: {
    approve: { refused: 'already_decided' },
    // Until it is used, a person may still say no.
    deny: 'denied',
    expire: 'expired',
    cancel: 'cancelled',
    use: 'used',
  },
  denied: over(),
  expired: over(),
  cancelled: over(),
  used: over(),
};

export function step(state: ApprovalState, event: ApprovalEvent): ApprovalState | { readonly refused: Refused } {
  return STEPS[state][event];
}

/** Whether nothing can happen to it any more. */
export function isOver(state: ApprovalState): boolean {
  return state !== 'pending' && state !== 'approved';
}

function over(): Record<ApprovalEvent, { readonly refused: Refused }> {
  const refused = { refused: 'over' } as const;
  return { approve: refused, deny: refused, expire: refused, cancel: refused, use: refused };
}
