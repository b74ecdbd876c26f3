// What the people's API says and takes, as schemas: the one source of its documents' types and of what is served. Pure.
import { z } from 'zod';
import { approversOf } from './approval/approval-words.ts';
import { grantLimits } from './approval/grant-limits.ts';
import type { OpenedApproval, SeenApproval } from './approval/approval-desk.ts';
import { APPROVAL_STATES, CHANNELS, ROLES, type ShownPreview } from './core/approval.ts';
import type { Grant } from './core/grants.ts';
import { MAX_ERASED_ENTRIES, MAX_REASON_CHARS } from './core/limits.ts';

/** Of the digest: enough to recognise a request by, on a page or over the phone. */
const DIGEST_CHARS = 12;

/** Of a query, or a body, that has nothing to say. */
export const nothing = z.strictObject({});

export const time = z.iso.datetime().describe('RFC 3339, in UTC.');
const state = z.enum(APPROVAL_STATES);

export const person = z.object({
  issuer: z.string(),
  subject: z.string(),
  name: z.string().describe('For people to recognise.'),
});

const review = z.object({
  person,
  verdict: z.enum(['approve', 'deny']),
  reason: z.string().optional(),
  at: time,
  grant: z.object({ forMs: z.int(), uses: z.int() }).optional().describe('Given in the place of the one call.'),
});

const requirement = z.object({
  rule: z.string().describe('Id of the rule that asks.'),
  approvers: z.object({ groups: z.array(z.string()), people: z.array(z.string()) }),
  quorum: z.int().describe('How many distinct people must approve.'),
  perGroup: z.record(z.string(), z.int()).describe('So many of them at least from each of these groups.'),
  reasonRequired: z.boolean(),
});

const delivery = z.object({
  channel: z.enum(CHANNELS),
  part: z.enum(['request', 'outcome']),
  state: z.enum(['waiting', 'delivered', 'superseded', 'given_up']),
  attempts: z.int(),
  nextAttemptAt: time.optional(),
  error: z.string().optional().describe('What the last attempt failed with.'),
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
  grant: z
    .object({ atMostMs: z.int(), uses: z.int(), same: z.array(z.string()) })
    .optional()
    .describe('What may be given in the place of this one call at most; absent where nothing may.'),
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
  justification: z.string().optional().describe('Why the agent makes the call, in its own words.'),
  preview: z
    .object({
      lines: z
        .array(z.string())
        .optional()
        .describe('What a look at its effect found, masked as results of the tool are.'),
      plan: z.string().optional().describe('How the backend would go about it.'),
      withheld: z.string().optional().describe('Why there is nothing to be seen.'),
    })
    .optional()
    .describe('What the call would do; absent where its tool tells nothing of that.'),
  deliveries: z.array(delivery).describe('Where approvers are told of it, besides.'),
});

export const listSchema = z.object({ approvals: z.array(approvalSchema) });

export const grantSchema = z.object({
  id: z.string().describe('UUIDv7.'),
  approval: z.string().describe('The approval it was given in the place of.'),
  tool: z.string(),
  backend: z.string(),
  principal: approvalSchema.shape.principal,
  session: z.string(),
  uses: z.int(),
  usesLeft: z.int(),
  givenAt: time,
  expiresAt: time,
  endedAt: time.optional(),
});

export const grantListSchema = z.object({ grants: z.array(grantSchema) });

export const grantFilterSchema = z.strictObject({
  running: z.enum(['true', 'false']).default('true').describe('Whether only those that have not ended.'),
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('How many at most, newest first.'),
});

export const revokedSchema = z.object({ revoked: z.literal(true) });

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
  reason: z.string().max(MAX_REASON_CHARS).optional().describe('Why; the agent is told it where you deny.'),
  grant: z
    .strictObject({
      forMs: z.int().min(1).describe('For so many milliseconds.'),
      uses: z.int().min(1).describe('For so many calls; this one counts.'),
    })
    .optional()
    .describe(
      'Approves access for a while in the place of this call alone, within what `grant` of the approval allows.',
    ),
});

export function approvalJson(seen: SeenApproval, publicUrl: string): z.input<typeof approvalSchema> {
  const { approval, mayNotApprove, mayNotDeny, reasonRequired } = seen;
  const limits = grantLimits(approval.requirements);
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
    reviews: approval.reviews.map(({ person: { issuer, subject, name }, verdict, reason, at, grant }) => ({
      person: { issuer, subject, name },
      verdict,
      ...(reason === undefined ? {} : { reason }),
      at: new Date(at).toISOString(),
      ...(grant === undefined ? {} : { grant }),
    })),
    ...(limits === undefined ? {} : { grant: { ...limits, same: [...limits.same] } }),
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
    ...(opened.justification === undefined ? {} : { justification: opened.justification }),
    ...(opened.preview === undefined ? {} : { preview: previewJson(opened.preview) }),
    deliveries: opened.deliveries.map(({ channel, part, state: at, attempts, dueAt, error }) => ({
      ...{ channel, part, state: at, attempts },
      ...(at === 'waiting' ? { nextAttemptAt: new Date(dueAt).toISOString() } : {}),
      ...(error === undefined ? {} : { error }),
    })),
  };
}

function previewJson(shown: ShownPreview): z.input<typeof openedSchema>['preview'] {
  if ('withheld' in shown) return shown;
  return { lines: [...shown.lines], ...(shown.plan === undefined ? {} : { plan: shown.plan }) };
}

export function grantJson(grant: Grant): z.input<typeof grantSchema> {
  const { id, approval, tool, backend, principal, session, uses, usesLeft, givenAt, expiresAt, endedAt } = grant;
  return {
    ...{ id, approval, tool, backend, principal, session, uses, usesLeft },
    givenAt: new Date(givenAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt).toISOString() }),
  };
}

export const erasureSchema = z
  .strictObject({
    entries: z.array(z.int().min(1)).min(1).max(MAX_ERASED_ENTRIES).optional().describe('Numbers of entries.'),
    invocation: z.string().min(1).optional().describe('All that was kept of one call.'),
    before: time.optional().describe('All that was written earlier.'),
    retention: z.string().min(1).optional().describe('What a retention rule is about by now, by its name.'),
    reason: z.string().trim().min(1).max(MAX_REASON_CHARS).describe('Why; it stands in the log.'),
  })
  .refine(
    ({ entries, invocation, before, retention }) =>
      [entries, invocation, before, retention].filter(isDefined).length === 1,
    { error: 'expected exactly one of entries, invocation, before and retention' },
  );

export const erasedSchema = z.object({ erased: z.int().describe('How many payloads are gone.') });

function isDefined(value: unknown): boolean {
  return value !== undefined;
}
