// The approve door: one open approval for one digest, waited for by whoever makes the call, used once.
import type { Approval, Person } from '../core/approval.ts';
import type { ApprovalRecords } from '../core/approval-records.ts';
import type { Approvals, Ask, Obtained, Reviews } from '../core/approvals.ts';
import type { Clock } from '../core/clock.ts';
import type { Outbox } from '../core/deliveries.ts';
import { refuse } from '../core/errors.ts';
import { Permit } from '../core/evidence.ts';
import type { GrantRecords, Grants } from '../core/grants.ts';
import { APPROVAL_LOOK_MS, MAX_PENDING_APPROVALS_PER_PRINCIPAL } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { Conflict } from '../core/store.ts';
import type { Switches, Target } from '../core/switches.ts';
import { uuidv7 } from '../core/uuid.ts';
import { endedEntry, requestedEntry, reviewedEntry, usedEntry } from './approval-entries.ts';
import { endedRefusal } from './approval-words.ts';
import { givenTogether, grantLimits, isWithin } from './grant-limits.ts';
import { createGrants } from './grants.ts';
import { mayNotReview, standing } from './requirement.ts';
import { isOver, step } from './state.ts';

export interface ApprovalsOptions {
  readonly records: ApprovalRecords;
  readonly grants: GrantRecords;
  /** Who is told of what becomes of approvals. */
  readonly outbox: Outbox;
  readonly log: Log;
  readonly clock: Clock;
  /** Who is blocked decides about nothing. */
  readonly isBlocked: Switches['isBlocked'];
}

export interface RunningApprovals extends Approvals, Reviews, Grants {
  /** Ends what nobody decided in time. Called now and then, so that it is in the log also where nobody waits. */
  expireOverdue(): Promise<void>;
  /** Ends what waits, and what was given for a while, for what an operator has switched off. */
  withdraw(target: Target, person: Person): Promise<{ readonly approvals: number; readonly grants: number }>;
}

export function createApprovals({ records, outbox, log, clock, ...options }: ApprovalsOptions): RunningApprovals {
  const grants = createGrants({ records: options.grants, approvals: records, log, clock });

  /** Undefined where the principal has as many pending as it may. */
  async function findOrOpen(ask: Ask, signal: AbortSignal): Promise<Approval | undefined> {
    for (;;) {
      const found = await records.findOpen(ask.digest);
      if (found !== undefined && found.expiresAt > clock.now()) return found;
      if (found !== undefined) await end(found, 'expire');
      const { principal } = ask.invocation;
      if ((await records.countPending(principal.key)) >= MAX_PENDING_APPROVALS_PER_PRINCIPAL) return undefined;
      const id = uuidv7(clock.now());
      // Before anybody is asked: they are to see it.
      const preview = await lookAhead(ask, id, signal);
      const approval = newApproval(id, ask, clock.now());
      try {
        await log.append(
          [requestedEntry(approval, ask, preview)],
          [
            ...records.opened(approval, principal.key, MAX_PENDING_APPROVALS_PER_PRINCIPAL),
            ...outbox.told(approval, approval.requestedAt),
          ],
        );
        return approval;
      } catch (error) {
        // Another call has asked for the same in this moment: that approval it is. Or others of the principal's were first.
        if (!(error instanceof Conflict)) throw error;
      }
    }
  }

  /** Resolves with the invocation that looked at what the call would do; undefined where its tool offers no such look. */
  async function lookAhead(ask: Ask, approval: string, signal: AbortSignal): Promise<string | undefined> {
    if (ask.preview === undefined) return undefined;
    const invocation = { ...ask.invocation, id: uuidv7(clock.now()) };
    await ask.preview(Permit.previewed(invocation, ask.decision, approval), signal);
    signal.throwIfAborted();
    return invocation.id;
  }

  /** Resolves with the approval as it is afterwards; where somebody else was first, their step counts. */
  async function end(approval: Approval, event: 'expire' | 'cancel'): Promise<Approval> {
    const next = step(approval.state, event);
    if (typeof next !== 'string') return approval;
    try {
      const now = clock.now();
      const moved = records.moved(approval.id, approval.state, next, now);
      await log.append([endedEntry(approval, event)], [moved, ...outbox.told({ ...approval, state: next }, now)]);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
    return (await records.find(approval.id)) ?? approval;
  }

  /** The newest that waits takes the permit; the ones before find out when it is decided. */
  async function wait(approval: Approval, invocation: string): Promise<Approval> {
    try {
      await log.append([], [records.awaited(approval.id, invocation)]);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
    return (await records.find(approval.id)) ?? approval;
  }

  return {
    async obtain(ask, until, signal): Promise<Obtained> {
      const granted = await grants.obtain(ask);
      if (granted !== undefined) return granted;
      const opened = await findOrOpen(ask, signal);
      if (opened === undefined) return { kind: 'refused', refusal: refuse('too_many_approvals') };
      const me = ask.invocation.id;
      let approval = await wait(opened, me);
      for (;;) {
        const now = clock.now();
        if (!isOver(approval.state) && approval.expiresAt <= now) approval = await end(approval, 'expire');
        // Given for a while: then this call is the first that runs under it.
        if (approval.state === 'used' && approval.waiter === me) {
          const under = await grants.obtain(ask);
          if (under !== undefined) return under;
        }
        if (isOver(approval.state)) return { kind: 'refused', refusal: endedRefusal(approval) };
        if (approval.state === 'approved') {
          if (approval.waiter !== me) return { kind: 'refused', refusal: refuse('superseded') };
          const permit = Permit.approved(ask.invocation, ask.decision, approval.id);
          const told = outbox.told({ ...approval, state: 'used' }, now);
          const use = { statements: [records.used(approval.id, me, now), ...told], entries: [usedEntry(approval, me)] };
          return { kind: 'approved', permit, use };
        }
        if (now >= until) return { kind: 'pending', approval };
        await records.settled(approval.id, Math.min(APPROVAL_LOOK_MS, until - now, approval.expiresAt - now), signal);
        approval = (await records.find(approval.id)) ?? approval;
      }
    },

    async cancel(digest) {
      const open = await records.findOpen(digest);
      if (open !== undefined) await end(open, 'cancel');
    },

    async review(id, { person, verdict, reason, grant }) {
      for (;;) {
        let approval = await records.find(id);
        if (approval === undefined) return { refused: 'unknown' };
        if (await options.isBlocked(person)) return { refused: 'blocked' };
        const now = clock.now();
        if (!isOver(approval.state) && approval.expiresAt <= now) approval = await end(approval, 'expire');
        const review = { person, verdict, reason, at: now, grant };
        const refused = mayNotReview(approval.requirements, approval.principal, approval.reviews, review);
        if (refused !== undefined) return { refused };
        if (grant !== undefined && (verdict === 'deny' || !isWithin(grant, grantLimits(approval.requirements)))) {
          return { refused: 'grant_too_wide' };
        }
        const stands = standing(approval.requirements, [...approval.reviews, review]);
        const event = verdict === 'deny' ? 'deny' : 'approve';
        const next = step(approval.state, event);
        if (typeof next !== 'string') return { refused: next.refused === 'over' ? 'over' : 'already_decided' };
        const reviews = [...approval.reviews, review];
        const access = stands === 'approved' ? givenTogether(reviews) : undefined;
        const given =
          access && approval.grantScope !== undefined ? grants.given(approval, approval.grantScope, access) : undefined;
        // What is given for a while uses the approval up: from now on calls run under the grant.
        const state = stands === 'pending' ? approval.state : given === undefined ? next : 'used';
        try {
          // Also where the state stays: that it is still what it was must hold when the review is counted.
          const moved = records.moved(id, approval.state, state, now);
          await log.append(
            [reviewedEntry(approval, review, state), ...(given?.entries ?? [])],
            [
              moved,
              records.reviewed(id, review, approval.reviews.length),
              ...(given?.statements ?? []),
              ...outbox.told({ ...approval, state, reviews }, now),
            ],
          );
        } catch (error) {
          // Somebody else's review came between: look again.
          if (error instanceof Conflict) continue;
          throw error;
        }
        return { approval: { ...approval, state, reviews } };
      }
    },

    grants: (filter) => grants.grants(filter),
    revoke: (grant, person) => grants.revoke(grant, person),

    async withdraw(target, person) {
      const [ended, given] = await Promise.all([
        records.openOf(target).then((found) => Promise.all(found.map((approval) => end(approval, 'cancel')))),
        grants.withdraw(target, person),
      ]);
      return { approvals: ended.filter(({ state }) => state === 'cancelled').length, grants: given };
    },

    async expireOverdue() {
      for (const approval of await records.overdue(clock.now())) await end(approval, 'expire');
      await grants.expireOverdue();
    },
  };
}

function newApproval(id: string, ask: Ask, now: number): Approval {
  const { invocation, tool, digest, decision, requirements, grantScope } = ask;
  const { issuer, subject, actor } = invocation.principal;
  return {
    id,
    digest,
    state: 'pending',
    principal: { issuer, subject, actor },
    session: invocation.session,
    tool: tool.name,
    backend: tool.backend.name,
    invocation: invocation.id,
    policy: decision.policyVersion,
    requirements,
    grantScope,
    requestedAt: now,
    expiresAt: now + Math.min(...requirements.map(({ expiresAfterMs }) => expiresAfterMs)),
    waiter: invocation.id,
    usedBy: undefined,
    reviews: [],
  };
}
