// What the people's API says and takes, as schemas: the one source of its documents' types and of what is served. Pure.
import { z } from 'zod';
import { approversOf } from './approval/approval-words.ts';
import type { OpenedApproval, SeenApproval } from './approval/approval-desk.ts';
import { APPROVAL_STATES, ROLES } from './core/approval.ts';

/** Of the digest: enough to recognise a request by, on a page or over the phone. */
const DIGEST_CHARS = 12;

const time = z.iso.datetime().describe('RFC 3339, in UTC.');
const state = z.enum(APPROVAL_STATES);

const person = z.object({
  issuer: z.string(),
  subject: z.string(),
  name: z.string().describe('For people to recognise.'),
});

const review = z.object({
  person,
  verdict: z.enum(['approve', 'deny']),
  reason: z.string().optional(),
  at: time,
});

const requirement = z.object({
  rule: z.string().describe('Id of the rule that asks.'),
  approvers: z.object({ groups: z.array(z.string()), people: z.array(z.string()) }),
  quorum: z.int().describe('How many distinct people must approve.'),
  perGroup: z.record(z.string(), z.int()).describe('So many of them at least from each of these groups.'),
  reasonRequired: z.boolean(),
});

export const approvalSchema = z.object({
  id: z.string().describe('UUIDv7.'),
  state,
  tool: z.string(),
  backend: z.string(),
  principal: z.object({
    issuer: z.string(),
    subject: z.string().describe('On whose behalf the call is made.'),
    actor: z.string().describe('The agent that makes it.'),
  }),
  session: z.string(),
  digest: z.string().describe('The first characters of what the approval is bound to.'),
  requestedAt: time,
  expiresAt: time,
  requirements: z.array(requirement).describe('One for each deciding rule; every one must be met.'),
  needs: z.string().describe('The same in words.'),
  reviews: z.array(review),
  mayApprove: z.boolean().describe('Whether you may.'),
  mayDeny: z.boolean().describe('Whether you may.'),
  reasonRequired: z.boolean().describe('Whether you must say why.'),
  page: z.url().describe('Where a browser shows it.'),
});

export const openedSchema = approvalSchema.extend({
  arguments: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('All of them, masked only where the tool masks its arguments; null where they cannot be shown.'),
  withheld: z.string().optional().describe('Why they cannot be shown.'),
});

export const listSchema = z.object({ approvals: z.array(approvalSchema) });

export const whoamiSchema = person.extend({ groups: z.array(z.string()), roles: z.array(z.enum(ROLES)) });

export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: z.string().describe('One word for one reason.'),
  detail: z.string().describe('What is wrong, and what to do.'),
});

export const filterSchema = z.strictObject({
  state: state.optional().describe('Left out: all.'),
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('How many at most, newest first.'),
});

export const verdictSchema = z.strictObject({
  verdict: z.enum(['approve', 'deny'], { error: 'expected "approve" or "deny"' }),
  reason: z.string().max(2_000).optional().describe('Why; the agent is told it where you deny.'),
});

export function approvalJson(seen: SeenApproval, publicUrl: string): z.input<typeof approvalSchema> {
  const { approval, mayNotApprove, mayNotDeny, reasonRequired } = seen;
  return {
    id: approval.id,
    state: approval.state,
    tool: approval.tool,
    backend: approval.backend,
    principal: approval.principal,
    session: approval.session,
    digest: approval.digest.slice(0, DIGEST_CHARS),
    requestedAt: new Date(approval.requestedAt).toISOString(),
    expiresAt: new Date(approval.expiresAt).toISOString(),
    requirements: approval.requirements.map(({ rule, approvers, quorum, perGroup, reasonRequired: must }) => ({
      rule,
      approvers: { groups: [...approvers.groups], people: [...approvers.people] },
      quorum,
      perGroup: { ...perGroup },
      reasonRequired: must,
    })),
    needs: approversOf(approval.requirements),
    reviews: approval.reviews.map(({ person: { issuer, subject, name }, verdict, reason, at }) => ({
      person: { issuer, subject, name },
      verdict,
      ...(reason === undefined ? {} : { reason }),
      at: new Date(at).toISOString(),
    })),
    mayApprove: mayNotApprove === undefined,
    mayDeny: mayNotDeny === undefined,
    reasonRequired,
    page: `${publicUrl}/console/approvals/${approval.id}`,
  };
}

export function openedJson(opened: OpenedApproval, publicUrl: string): z.input<typeof openedSchema> {
  const shown = opened.arguments;
  return {
    ...approvalJson(opened, publicUrl),
    ...('withheld' in shown ? { arguments: null, withheld: shown.withheld } : { arguments: shown.values }),
  };
}
