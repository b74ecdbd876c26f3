// The operations of the people's API that stop things: what is served and what its document says of it stand in one table.
import { z } from 'zod';
import type { Role } from './core/approval.ts';
import type { LeaseRecord } from './core/lease-records.ts';
import { MAX_REASON_CHARS } from './core/limits.ts';
import { PRINCIPAL_KINDS, type Switch } from './core/switches.ts';
import type { Asked, Operation } from './http-api-operations.ts';
import { approvalSchema, nothing, person, time } from './http-api-schema.ts';
import type { Problem } from './http-problem.ts';
import type { PrincipalTarget, SeenBackend, SeenCaller, Stopped, SwitchRefused } from './switches/operator-desk.ts';

const { principal } = approvalSchema.shape;

const leaseSchema = z.object({
  id: z.string().describe('UUIDv7.'),
  backend: z.string(),
  provider: z.string(),
  reference: z.string().describe('What the credential is called at the backend; never the secret.'),
  principal,
  session: z.string(),
  broker: z.string().describe('The broker process that holds it.'),
  issuedAt: time,
  expiresAt: time,
  revokedAt: time.optional().describe('When somebody took it back: it is being ended.'),
  strandedAt: time.optional().describe('When it was found that nothing can end it: its backend is declared no more.'),
});

const switchSchema = z.object({ reason: z.string(), person, at: time });

const blockSchema = switchSchema.extend({
  kind: z.enum(PRINCIPAL_KINDS),
  name: z.string(),
  issuer: z.string().optional().describe('Absent where every issuer is meant.'),
});

const sessionSchema = z.object({
  id: z.string(),
  label: z.string().describe('As the client calls it; empty where it gives none.'),
  principal,
  startedAt: time,
  lastSeenAt: time.describe('To within a minute.'),
  blocked: blockSchema.optional(),
});

const backendSchema = z.object({
  name: z.string(),
  kind: z.string().optional().describe('Absent where no policy file declares it any more.'),
  tools: z.array(z.string()),
  leases: z.int().describe('Open ones.'),
  disabled: switchSchema.optional(),
});

export const leaseListSchema = z.object({ leases: z.array(leaseSchema) });
export const principalListSchema = z.object({ blocks: z.array(blockSchema), sessions: z.array(sessionSchema) });
export const backendListSchema = z.object({ backends: z.array(backendSchema) });
export const stoppedSchema = z.object({
  leases: z.int().describe('Leases that end within a second.'),
  approvals: z.int().describe('Approvals that were cancelled.'),
  grants: z.int().describe('Grants that were revoked.'),
});
const doneSchema = z.object({ done: z.literal(true) });

const limitSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100).describe('How many at most, newest first.'),
});
const reason = z.string().trim().min(1).max(MAX_REASON_CHARS).describe('Why; it stands in the log.');
const reasonSchema = z.strictObject({ reason });
const targetSchema = z.strictObject({
  kind: z.enum(PRINCIPAL_KINDS, { error: `expected one of ${PRINCIPAL_KINDS.join(', ')}` }),
  name: z
    .string()
    .min(1)
    .max(1_000)
    .describe('The `sub` of tokens, the agent as the log names it, or the id of a session.'),
  issuer: z.string().min(1).max(1_000).optional().describe('Of a subject or agent; left out, every issuer is meant.'),
  reason,
});

const READERS: readonly Role[] = ['admin', 'auditor'];
const CHANGERS: readonly Role[] = ['admin'];

export const SWITCH_OPERATIONS: readonly Operation[] = [
  {
    id: 'listLeases',
    method: 'GET',
    path: '/leases',
    pattern: /^\/leases$/,
    summary: 'Credentials that exist at backends now, newest first.',
    query: limitSchema,
    roles: READERS,
    status: 200,
    answer: leaseListSchema,
    problems: {},
    run: (asked) =>
      answered(asked, async ({ operators, query }) => {
        const { limit } = query as z.output<typeof limitSchema>;
        return { leases: (await operators.leases(limit)).map(leaseJson) };
      }),
  },
  {
    id: 'revokeLease',
    method: 'POST',
    path: '/leases/{id}/revocation',
    pattern: /^\/leases\/(?<id>[^/]+)\/revocation$/,
    summary: 'Takes a lease back: calls on it are stopped, and its credential ends at the backend, within a second.',
    query: nothing,
    body: reasonSchema,
    roles: CHANGERS,
    status: 200,
    answer: doneSchema,
    problems: { 404: 'There is no such lease.', 409: 'It is over, or taken back already.' },
    run: (asked) =>
      answered(asked, ({ operators, person: by, parameters }) =>
        operators.revokeLease(by, parameters['id'] ?? '', reasonOf(asked)),
      ),
  },
  {
    id: 'listPrincipals',
    method: 'GET',
    path: '/principals',
    pattern: /^\/principals$/,
    summary: 'Who is blocked, and the sessions that run now.',
    query: limitSchema,
    roles: READERS,
    status: 200,
    answer: principalListSchema,
    problems: {},
    run: (asked) =>
      answered(asked, async ({ operators, query }) => {
        const { limit } = query as z.output<typeof limitSchema>;
        const [blocks, sessions] = await Promise.all([operators.blocks(), operators.sessions(limit)]);
        return { blocks: blocks.map(blockJson), sessions: sessions.map(sessionJson) };
      }),
  },
  {
    id: 'blockPrincipal',
    method: 'POST',
    path: '/principals/blocks',
    pattern: /^\/principals\/blocks$/,
    summary:
      'Blocks a subject, an agent or a session: what it runs is stopped within a second, and nothing new begins.',
    query: nothing,
    body: targetSchema,
    roles: CHANGERS,
    status: 201,
    answer: stoppedSchema,
    problems: { 409: 'It is blocked already, or it is you.' },
    run: (asked) =>
      answered(asked, ({ operators, person: by }) => operators.block(by, targetOf(asked), reasonOf(asked))),
  },
  {
    id: 'unblockPrincipal',
    method: 'POST',
    path: '/principals/unblocks',
    pattern: /^\/principals\/unblocks$/,
    summary: 'Lets a subject, an agent or a session call again.',
    query: nothing,
    body: targetSchema,
    roles: CHANGERS,
    status: 200,
    answer: doneSchema,
    problems: { 409: 'It is not blocked.' },
    run: (asked) =>
      answered(asked, ({ operators, person: by }) => operators.unblock(by, targetOf(asked), reasonOf(asked))),
  },
  {
    id: 'listBackends',
    method: 'GET',
    path: '/backends',
    pattern: /^\/backends$/,
    summary: 'The backends that tools are declared on, and those that are disabled.',
    query: nothing,
    roles: READERS,
    status: 200,
    answer: backendListSchema,
    problems: {},
    run: (asked) =>
      answered(asked, async ({ operators }) => ({ backends: (await operators.backends()).map(backendJson) })),
  },
  {
    id: 'disableBackend',
    method: 'POST',
    path: '/backends/{name}/disablement',
    pattern: /^\/backends\/(?<name>[^/]+)\/disablement$/,
    summary: 'Stops every call on a backend within a second, ends its leases, and lets none begin.',
    query: nothing,
    body: reasonSchema,
    roles: CHANGERS,
    status: 201,
    answer: stoppedSchema,
    problems: { 404: 'No policy file declares it.', 409: 'It is disabled already.' },
    run: (asked) =>
      answered(asked, ({ operators, person: by, parameters }) =>
        operators.disable(by, nameIn(parameters), reasonOf(asked)),
      ),
  },
  {
    id: 'enableBackend',
    method: 'POST',
    path: '/backends/{name}/enablement',
    pattern: /^\/backends\/(?<name>[^/]+)\/enablement$/,
    summary: 'Lets calls reach a backend again.',
    query: nothing,
    body: reasonSchema,
    roles: CHANGERS,
    status: 200,
    answer: doneSchema,
    problems: { 409: 'It is not disabled.' },
    run: (asked) =>
      answered(asked, ({ operators, person: by, parameters }) =>
        operators.enable(by, nameIn(parameters), reasonOf(asked)),
      ),
  },
];

type Answer = SwitchRefused | 'revoked' | 'unblocked' | 'enabled' | Stopped | object;

/** A word means that it was done. */
async function answered(asked: Asked, work: (asked: Asked) => Promise<Answer>): ReturnType<Operation['run']> {
  const answer = await work(asked);
  if (typeof answer === 'string') return { value: { done: true } };
  return 'refused' in answer ? { problem: switchProblem(answer) } : { value: answer };
}

const TITLE = 'Nothing was changed.';

export function switchProblem(refused: SwitchRefused): Problem {
  const code = refused.refused;
  switch (refused.refused) {
    case 'no_change':
      return { status: 409, code, title: TITLE, detail: 'It is already as you want it, or over. Look at the list.' };
    case 'own_account':
      return {
        status: 409,
        code,
        title: TITLE,
        detail: 'That is you. Nobody shuts themselves out: ask another admin.',
      };
    case 'blocked':
      return { status: 403, code, title: TITLE, detail: 'Another admin has blocked you in this moment.' };
    case 'unknown': {
      const detail = `There is nothing of that name${refused.hint === undefined ? '' : `; ${refused.hint}`}. Look at the list.`;
      return { status: 404, code, title: TITLE, detail };
    }
  }
}

function reasonOf({ body }: Asked): string {
  return (body as z.output<typeof reasonSchema>).reason;
}

function targetOf({ body }: Asked): PrincipalTarget {
  const { kind, name, issuer } = body as z.output<typeof targetSchema>;
  return kind === 'session' ? { kind, name } : { kind, name, issuer };
}

/** What cannot be decoded stays as it is, and is no backend's name. */
function nameIn({ name = '' }: Asked['parameters']): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function leaseJson(lease: LeaseRecord): z.input<typeof leaseSchema> {
  const { id, backend, provider, reference, principal: whose, session, broker, recalledAt, strandedAt } = lease;
  return {
    ...{ id, backend, provider, reference, principal: whose, session, broker },
    issuedAt: new Date(lease.issuedAt).toISOString(),
    expiresAt: new Date(lease.expiresAt).toISOString(),
    ...(recalledAt === undefined ? {} : { revokedAt: new Date(recalledAt).toISOString() }),
    ...(strandedAt === undefined ? {} : { strandedAt: new Date(strandedAt).toISOString() }),
  };
}

function switchJson({ reason: why, person: by, at }: Switch): z.input<typeof switchSchema> {
  return { reason: why, person: by, at: new Date(at).toISOString() };
}

function blockJson(block: Switch & PrincipalTarget): z.input<typeof blockSchema> {
  const { kind, name, issuer } = block;
  return { kind, name, ...(issuer === undefined ? {} : { issuer }), ...switchJson(block) };
}

function sessionJson({ id, label, principal: whose, startedAt, lastSeenAt, blocked }: SeenCaller) {
  return {
    ...{ id, label, principal: whose },
    startedAt: new Date(startedAt).toISOString(),
    lastSeenAt: new Date(lastSeenAt).toISOString(),
    ...(blocked === undefined ? {} : { blocked: blockJson(blocked as Switch & PrincipalTarget) }),
  };
}

function backendJson({ name, kind, tools, leases, disabled }: SeenBackend): z.input<typeof backendSchema> {
  return {
    name,
    ...(kind === undefined ? {} : { kind }),
    tools: [...tools],
    leases,
    ...(disabled === undefined ? {} : { disabled: switchJson(disabled) }),
  };
}
