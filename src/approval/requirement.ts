// Who may review an approval, and whether what was said so far is enough. Pure.
import type { ApprovalRequirement, Person, Review } from '../core/approval.ts';

/** Whose call it is: none of these may approve it. */
export interface Asker {
  readonly issuer: string;
  readonly subject: string;
  readonly actor: string;
}

export type MayNot = 'own_call' | 'not_an_approver' | 'reason_missing' | 'already_reviewed';

/** Why this person's review does not count; undefined when it does. */
export function mayNotReview(
  requirements: readonly ApprovalRequirement[],
  asker: Asker,
  earlier: readonly Review[],
  review: Review,
): MayNot | undefined {
  const { person } = review;
  if (person.issuer === asker.issuer && (person.subject === asker.subject || person.subject === asker.actor)) {
    return 'own_call';
  }
  const theirs = requirements.filter((requirement) => isApprover(requirement, person));
  if (theirs.length === 0) return 'not_an_approver';
  if (earlier.some((one) => isSamePerson(one.person, person))) return 'already_reviewed';
  if (theirs.some((requirement) => requirement.reasonRequired) && !review.reason?.trim()) return 'reason_missing';
  return undefined;
}

/** Deny beats approve; every deciding rule's requirement must be met. Each person counts once, however often they clicked. */
export function standing(
  requirements: readonly ApprovalRequirement[],
  reviews: readonly Review[],
): 'pending' | 'approved' | 'denied' {
  if (reviews.some((review) => review.verdict === 'deny')) return 'denied';
  return requirements.every((requirement) => isMet(requirement, reviews)) ? 'approved' : 'pending';
}

function isMet(requirement: ApprovalRequirement, reviews: readonly Review[]): boolean {
  const people: Person[] = [];
  for (const { person } of reviews) {
    if (isApprover(requirement, person) && !people.some((one) => isSamePerson(one, person))) people.push(person);
  }
  const fromGroup = (group: string): number => people.filter((person) => person.groups.includes(group)).length;
  return (
    people.length >= requirement.quorum &&
    Object.entries(requirement.perGroup).every(([group, least]) => fromGroup(group) >= least)
  );
}

/** Whether the person is one of those this rule asks. */
export function isApprover({ approvers }: ApprovalRequirement, person: Person): boolean {
  return approvers.people.includes(person.subject) || approvers.groups.some((group) => person.groups.includes(group));
}

function isSamePerson(one: Person, other: Person): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}
