// What a person may give in the place of one call, and what several of them have given together. Pure.
import type { ApprovalRequirement, Review } from '../core/approval.ts';
import type { GivenAccess, GrantLimits } from '../core/grants.ts';

/** What every deciding rule allows; undefined where one of them allows none. */
export function grantLimits(requirements: readonly ApprovalRequirement[]): GrantLimits | undefined {
  const limits = requirements.flatMap(({ grant }) => grant ?? []);
  if (limits.length === 0 || limits.length < requirements.length) return undefined;
  return {
    atMostMs: Math.min(...limits.map(({ atMostMs }) => atMostMs)),
    uses: Math.min(...limits.map(({ uses }) => uses)),
    same: [...new Set(limits.flatMap(({ same }) => same))].sort(),
  };
}

export function isWithin({ forMs, uses }: GivenAccess, limits: GrantLimits | undefined): boolean {
  const whole = Number.isInteger(forMs) && Number.isInteger(uses);
  return limits !== undefined && whole && forMs > 0 && forMs <= limits.atMostMs && uses > 0 && uses <= limits.uses;
}

/** The least of what those who approved have given; undefined where one of them meant this call alone. */
export function givenTogether(reviews: readonly Review[]): GivenAccess | undefined {
  const given = reviews.flatMap(({ grant }) => grant ?? []);
  if (given.length === 0 || given.length < reviews.length) return undefined;
  return { forMs: Math.min(...given.map(({ forMs }) => forMs)), uses: Math.min(...given.map(({ uses }) => uses)) };
}
