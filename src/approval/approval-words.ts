// What the agent is told about an approval: who decided, why, and whether asking again makes sense. Pure.
import type { Approval, ApprovalRequirement } from '../core/approval.ts';
import { refuse, type Refusal } from '../core/errors.ts';

/** Why a call whose approval is over does not run. */
export function endedRefusal(approval: Approval): Refusal {
  switch (approval.state) {
    case 'denied': {
      const denial = approval.reviews.find(({ verdict }) => verdict === 'deny');
      const who = denial === undefined ? 'A person' : denial.person.name;
      const why = denial?.reason === undefined ? 'gave no reason' : `said: ${denial.reason}`;
      const words = `${who} declined this call and ${why}. Do not make it again unless the user has a new reason for it.`;
      return refuse('approval_denied', { words });
    }
    case 'expired':
      return refuse('approval_expired');
    case 'cancelled':
      return refuse('cancelled');
    case 'used':
    case 'pending':
    case 'approved':
      return refuse('superseded');
  }
}

/** The wait outlasts the client: how to go on. */
export function pendingRefusal(approval: Approval): Refusal {
  const until = new Date(approval.expiresAt).toISOString();
  const words =
    `This call needs the approval of ${approversOf(approval.requirements)}, who have been asked (approval ${approval.id}). ` +
    `It is pending until ${until}. Make exactly the same call again to go on waiting; once approved, that call runs.`;
  return refuse('approval_pending', { words });
}

/** `2 of the groups finance, platform`: for words, channels and the console. */
export function approversOf(requirements: readonly ApprovalRequirement[]): string {
  return requirements
    .map(({ approvers: { groups, people }, quorum }) => {
      const groupNames =
        groups.length === 0 ? [] : [`${groups.length === 1 ? 'group' : 'groups'} ${groups.join(', ')}`];
      const count = quorum === 1 ? 'one' : String(quorum);
      return `${count} of ${[...groupNames, ...people].join(' or ')}`;
    })
    .join(', and of ');
}
