// What people do with approvals: see those they may open, and say yes or no. The API and the console are two forms of it.
import {
  ROLES,
  type Approval,
  type ApprovalState,
  type Person,
  type ReviewRefused,
  type Role,
} from '../core/approval.ts';
import type { ApprovalRecords } from '../core/approval-records.ts';
import type { Reviews } from '../core/approvals.ts';
import type { Clock } from '../core/clock.ts';
import type { Delivery, DeliveryRecords } from '../core/deliveries.ts';
import type { GivenAccess, Grant, Grants } from '../core/grants.ts';
import { MAX_APPROVALS_LOOKED_THROUGH } from '../core/limits.ts';
import type { Tool } from '../core/tool.ts';
import { isApprover, mayNotReview } from './requirement.ts';
import { shownRequest, type RequestOf, type ShownRequest } from './shown-request.ts';
import { isOver, step } from './state.ts';

/** An approval, as one person sees it. */
export interface SeenApproval {
  /** Its state counts an end of its time that nobody has written down yet. */
  readonly approval: Approval;
  /** Why this person cannot approve it now; undefined where they can. A reason is asked for when they do. */
  readonly mayNotApprove: ReviewRefused | undefined;
  /** Why they cannot deny it now: until it is used, an approval can still be taken back. */
  readonly mayNotDeny: ReviewRefused | undefined;
  /** Whether they must say why. */
  readonly reasonRequired: boolean;
}

/** With what will run. */
export interface OpenedApproval extends SeenApproval, ShownRequest {
  readonly tool: Pick<Tool, 'title' | 'description' | 'annotations'> | undefined;
  /** Where approvers were told of it, besides. */
  readonly deliveries: readonly Delivery[];
}

export interface Verdict {
  readonly verdict: 'approve' | 'deny';
  readonly reason: string | undefined;
  /** Access for a while, in the place of the one call. */
  readonly grant?: GivenAccess | undefined;
}

export interface ApprovalDesk {
  rolesOf(person: Person): readonly Role[];
  /** Those this person may open, newest first. Rejects with StoreError. */
  list(
    person: Person,
    filter: { readonly state?: ApprovalState; readonly limit: number },
  ): Promise<readonly SeenApproval[]>;
  /** Rejects with StoreError. */
  open(person: Person, id: string): Promise<OpenedApproval | 'unknown' | 'closed_to_you'>;
  /** Counts the person's word, or says why it does not count. Rejects with StoreError: then nothing was counted. */
  review(person: Person, id: string, said: Verdict): Promise<'counted' | ReviewRefused>;
  /** Grants of approvals this person may open, newest first. Rejects with StoreError. */
  grants(person: Person, filter: { readonly running: boolean; readonly limit: number }): Promise<readonly Grant[]>;
  /** Takes a grant back; see src/core/grants.ts. Rejects with StoreError: then it may still hold. */
  revoke(person: Person, id: string): ReturnType<Grants['revoke']>;
}

export interface ApprovalDeskOptions {
  readonly records: Pick<ApprovalRecords, 'find' | 'list'>;
  readonly reviews: Reviews;
  readonly grants: Grants;
  readonly deliveries: Pick<DeliveryRecords, 'list'>;
  readonly roles: Readonly<Record<Role, { readonly groups: readonly string[]; readonly people: readonly string[] }>>;
  readonly clock: Clock;
  /** The tool as it is declared now. */
  tool(name: string): Tool | undefined;
  readonly requestOf: RequestOf;
}

export function createApprovalDesk(options: ApprovalDeskOptions): ApprovalDesk {
  const { records, reviews, roles, clock } = options;

  function rolesOf({ subject, groups }: Person): Role[] {
    return ROLES.filter(
      (role) => roles[role].people.includes(subject) || roles[role].groups.some((group) => groups.includes(group)),
    );
  }

  function mayOpen(person: Person, { requirements }: Approval): boolean {
    return rolesOf(person).length > 0 || requirements.some((requirement) => isApprover(requirement, person));
  }

  function seenBy(person: Person, stored: Approval): SeenApproval {
    const late = !isOver(stored.state) && stored.expiresAt <= clock.now();
    const approval: Approval = late ? { ...stored, state: 'expired' } : stored;
    const mayNot = (verdict: 'approve' | 'deny'): ReviewRefused | undefined => {
      // With a reason given: what is asked here is whether the person may, not whether they have said enough.
      const review = { person, verdict, reason: 'given', at: clock.now() };
      const refused = mayNotReview(approval.requirements, approval.principal, approval.reviews, review);
      if (refused !== undefined) return refused;
      const next = step(approval.state, verdict);
      if (typeof next === 'string') return undefined;
      return next.refused === 'over' ? 'over' : 'already_decided';
    };
    const theirs = approval.requirements.filter((requirement) => isApprover(requirement, person));
    return {
      approval,
      mayNotApprove: mayNot('approve'),
      mayNotDeny: mayNot('deny'),
      reasonRequired: theirs.some(({ reasonRequired }) => reasonRequired),
    };
  }

  return {
    rolesOf,

    async list(person, { state, limit }) {
      const found = await records.list({ ...(state && { state }), limit: MAX_APPROVALS_LOOKED_THROUGH });
      const theirs = found.filter((approval) => mayOpen(person, approval)).map((approval) => seenBy(person, approval));
      return theirs.filter(({ approval }) => state === undefined || approval.state === state).slice(0, limit);
    },

    async open(person, id) {
      const approval = await records.find(id);
      if (approval === undefined) return 'unknown';
      if (!mayOpen(person, approval)) return 'closed_to_you';
      const tool = options.tool(approval.tool);
      const deliveries = await options.deliveries.list(id);
      return {
        ...seenBy(person, approval),
        tool,
        deliveries,
        ...(await shownRequest(approval, tool, options.requestOf)),
      };
    },

    async review(person, id, said) {
      const answer = await reviews.review(id, { person, ...said });
      return 'refused' in answer ? answer.refused : 'counted';
    },

    async grants(person, filter) {
      const found = await options.grants.grants(filter);
      const approvals = await Promise.all(found.map(({ approval }) => records.find(approval)));
      return found.filter((_, index) => {
        const approval = approvals[index];
        return approval !== undefined && mayOpen(person, approval);
      });
    },

    revoke: (person, id) => options.grants.revoke(id, person),
  };
}
