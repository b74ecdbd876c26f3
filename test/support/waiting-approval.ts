// What the tests that wait for a person ask for: one of finance.
import type { ApprovalRequirement } from '../../src/core/approval.ts';

export const finance: ApprovalRequirement = {
  rule: 'test-require_approval',
  approvers: { groups: ['finance'], people: [] },
  quorum: 1,
  perGroup: {},
  expiresAfterMs: 60_000,
  reasonRequired: false,
};
