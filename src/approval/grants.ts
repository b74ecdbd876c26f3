// Grants as the approve door uses them: given with a review, used by calls, ended once.
import { named, type Approval, type Person } from '../core/approval.ts';
import type { ApprovalRecords } from '../core/approval-records.ts';
import type { Ask, Obtained } from '../core/approvals.ts';
import type { Clock } from '../core/clock.ts';
import type { NewEntry } from '../core/entry.ts';
import { Permit } from '../core/evidence.ts';
import type { GivenAccess, Grant, GrantEnd, GrantRecords, Grants } from '../core/grants.ts';
import type { Log } from '../core/log.ts';
import { Conflict, type Change } from '../core/store.ts';
import type { Target } from '../core/switches.ts';
import { uuidv7 } from '../core/uuid.ts';
import { isApprover } from './requirement.ts';

export interface GrantsOptions {
  readonly records: GrantRecords;
  readonly approvals: Pick<ApprovalRecords, 'find'>;
  readonly log: Log;
  readonly clock: Clock;
}

export interface RunningGrants extends Grants {
  /** A permit for the call, where a grant covers it. */
  obtain(ask: Ask): Promise<Extract<Obtained, { kind: 'approved' }> | undefined>;
  /** To be committed with the review that gives it. */
  given(approval: Approval, scope: string, access: GivenAccess): Change;
  expireOverdue(): Promise<void>;
  /** Ends those that the target concerns; resolves with how many it ended. */
  withdraw(target: Target, person: Person): Promise<number>;
}

export function createGrants({ records, approvals, log, clock }: GrantsOptions): RunningGrants {
  /** Whether this was what ended it. */
  async function end(grant: Grant, why: GrantEnd, person?: Person): Promise<boolean> {
    try {
      await log.append([endedEntry(grant, why, person)], [records.ended(grant.id, why, clock.now())]);
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  return {
    async obtain({ grantScope, invocation, decision }) {
      if (grantScope === undefined) return undefined;
      const grant = await records.findUsable(grantScope, clock.now());
      if (grant === undefined) return undefined;
      const { id, expiresAt, usesLeft } = grant;
      const permit = Permit.granted(invocation, decision, { id, expiresAt, ...records.signals(id) });
      const last = usesLeft === 1;
      const use: Change = {
        statements: [records.used(grant), ...(last ? [records.ended(id, 'used_up', clock.now())] : [])],
        entries: last ? [endedEntry(grant, 'used_up')] : [],
      };
      return { kind: 'approved', permit, use };
    },

    given(approval, scope, { forMs, uses }) {
      const now = clock.now();
      const { principal, session, tool, backend, policy } = approval;
      const grant: Grant = {
        ...{ id: uuidv7(now), approval: approval.id, scope, principal, session, tool, backend, policy },
        ...{ uses, usesLeft: uses, givenAt: now, expiresAt: now + forMs, endedAt: undefined },
      };
      const expires = new Date(grant.expiresAt).toISOString();
      const entry: NewEntry = { body: { ...subjectOf(grant), type: 'grant.given', uses, expires } };
      return { statements: [records.opened(grant)], entries: [entry] };
    },

    grants: (filter) => records.list(filter),

    async revoke(id, person) {
      const grant = await records.find(id);
      if (grant === undefined) return 'unknown';
      const approval = await approvals.find(grant.approval);
      if (approval?.requirements.some((one) => isApprover(one, person)) !== true) return 'not_an_approver';
      return (await end(grant, 'revoked', person)) ? 'revoked' : 'over';
    },

    async withdraw(target, person) {
      const found = await records.runningOf(target);
      const ended = await Promise.all(found.map((grant) => end(grant, 'revoked', person)));
      return ended.filter((didEnd) => didEnd).length;
    },

    async expireOverdue() {
      for (const grant of await records.overdue(clock.now())) await end(grant, 'expired');
    },
  };
}

function endedEntry(grant: Grant, reason: GrantEnd, person?: Person): NewEntry {
  const by = person === undefined ? {} : { person: named(person) };
  return { body: { ...subjectOf(grant), type: 'grant.ended', reason, ...by } };
}

function subjectOf({ id, approval, principal, session, tool, backend, policy }: Grant) {
  return { grant: id, approval, principal, session, tool, backend, policy };
}
