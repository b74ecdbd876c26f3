// The operations of the people's API: what is served and what its document says of it stand in one table.
import type { z } from 'zod';
import type { ApprovalDesk } from './approval/approval-desk.ts';
import { reviewRefusedWords } from './approval/review-words.ts';
import type { Person, ReviewRefused, Role } from './core/approval.ts';
import {
  approvalJson,
  erasedSchema,
  erasureSchema,
  filterSchema,
  grantFilterSchema,
  grantJson,
  grantListSchema,
  listSchema,
  nothing,
  openedJson,
  openedSchema,
  revokedSchema,
  verdictSchema,
  whoamiSchema,
} from './http-api-schema.ts';
import { SWITCH_OPERATIONS } from './http-api-switches.ts';
import type { Problem } from './http-problem.ts';
import type { Erasures } from './log/erasures.ts';
import type { OperatorDesk } from './switches/operator-desk.ts';
import { TOKEN_OPERATIONS } from './http-api-tokens.ts';
import type { Reveals } from './masking/reveals.ts';

export interface Asked {
  readonly desk: ApprovalDesk;
  readonly operators: OperatorDesk;
  readonly erasures: Erasures;
  readonly reveals: Reveals;
  readonly publicUrl: string;
  readonly person: Person;
  /** Of the path. */
  readonly parameters: Readonly<Record<string, string>>;
  /** As `query` has parsed it. */
  readonly query: unknown;
  /** As `body` has parsed it. */
  readonly body: unknown;
}

export type Answered = { readonly value: unknown } | { readonly problem: Problem };

export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  /** Below /api/v1, as OpenAPI writes it. */
  readonly path: string;
  readonly pattern: RegExp;
  readonly summary: string;
  readonly query: z.ZodObject;
  readonly body?: z.ZodType;
  /** One of these is needed; left out, it is for whoever has signed in. */
  readonly roles?: readonly Role[];
  /** Of an answer that is no problem. */
  readonly status: 200 | 201;
  readonly answer: z.ZodType;
  /** What can go wrong beyond what every operation can: status and when. */
  readonly problems: Readonly<Record<number, string>>;
  run(asked: Asked): Promise<Answered>;
}

export const OPERATIONS: readonly Operation[] = [
  {
    id: 'whoami',
    method: 'GET',
    path: '/whoami',
    pattern: /^\/whoami$/,
    summary: 'Who you are to this broker, and which roles you have.',
    query: nothing,
    status: 200,
    answer: whoamiSchema,
    problems: {},
    run: async ({ desk, person }) => ({ value: { ...person, roles: desk.rolesOf(person) } }),
  },
  {
    id: 'listApprovals',
    method: 'GET',
    path: '/approvals',
    pattern: /^\/approvals$/,
    summary: 'The approvals you may open, newest first.',
    query: filterSchema,
    status: 200,
    answer: listSchema,
    problems: {},
    async run({ desk, publicUrl, person, query }) {
      const { state, limit } = query as z.output<typeof filterSchema>;
      const found = await desk.list(person, { ...(state && { state }), limit });
      return { value: { approvals: found.map((seen) => approvalJson(seen, publicUrl)) } };
    },
  },
  {
    id: 'openApproval',
    method: 'GET',
    path: '/approvals/{id}',
    pattern: /^\/approvals\/(?<id>[^/]+)$/,
    summary: 'One approval, with all arguments of the call it is for. Opening it decides nothing.',
    query: nothing,
    status: 200,
    answer: openedSchema,
    problems: { 403: 'You may not open it.', 404: 'There is no such approval.' },
    run: opened,
  },
  {
    id: 'reviewApproval',
    method: 'POST',
    path: '/approvals/{id}/reviews',
    pattern: /^\/approvals\/(?<id>[^/]+)\/reviews$/,
    summary: 'Says yes or no to the call, under your name.',
    query: nothing,
    body: verdictSchema,
    status: 201,
    answer: openedSchema,
    problems: {
      403: 'The call is your own, or its rule does not ask you.',
      404: 'There is no such approval.',
      409: 'It is decided or over, or you have reviewed it before.',
      422: 'The rule wants a reason, or allows no such grant.',
    },
    async run(asked) {
      const { verdict, reason, grant } = asked.body as z.output<typeof verdictSchema>;
      const id = asked.parameters['id'] ?? '';
      const answer = await asked.desk.review(asked.person, id, { verdict, reason, grant });
      return answer === 'counted' ? opened(asked) : { problem: refusedProblem(answer) };
    },
  },
  {
    id: 'listGrants',
    method: 'GET',
    path: '/grants',
    pattern: /^\/grants$/,
    summary: 'Access that was given for a while, of the approvals you may open, newest first.',
    query: grantFilterSchema,
    status: 200,
    answer: grantListSchema,
    problems: {},
    async run({ desk, person, query }) {
      const { running, limit } = query as z.output<typeof grantFilterSchema>;
      const found = await desk.grants(person, { running: running === 'true', limit });
      return { value: { grants: found.map(grantJson) } };
    },
  },
  {
    id: 'revokeGrant',
    method: 'POST',
    path: '/grants/{id}/revocation',
    pattern: /^\/grants\/(?<id>[^/]+)\/revocation$/,
    summary: 'Takes a grant back: no call starts under it any more, and those that run are stopped.',
    query: nothing,
    body: nothing,
    status: 200,
    answer: revokedSchema,
    problems: {
      403: 'The rule of its approval does not ask you.',
      404: 'There is no such grant.',
      409: 'It has ended already.',
    },
    async run({ desk, person, parameters }) {
      const answer = await desk.revoke(person, parameters['id'] ?? '');
      return answer === 'revoked' ? { value: { revoked: true } } : { problem: GRANT_PROBLEMS[answer] };
    },
  },
  {
    id: 'erasePayloads',
    method: 'POST',
    path: '/log/erasures',
    pattern: /^\/log\/erasures$/,
    summary:
      'Erases arguments and results that were kept beside log entries. The entries stay, and the log still verifies.',
    query: nothing,
    body: erasureSchema,
    roles: ['admin'],
    status: 201,
    answer: erasedSchema,
    problems: { 404: 'One of the entries has nothing to erase, or there is no such retention rule.' },
    async run({ erasures, person, body }) {
      const erased = await erasures.erase(person, body as z.output<typeof erasureSchema>);
      if (erased === 'unknown_rule') return { problem: NO_SUCH_RULE };
      return erased === 'missing' ? { problem: NOTHING_TO_ERASE } : { value: { erased } };
    },
  },
  ...SWITCH_OPERATIONS,
  ...TOKEN_OPERATIONS,
];

const NOTHING_TO_ERASE: Problem = {
  status: 404,
  code: 'nothing_to_erase',
  title: 'Nothing was erased.',
  detail: 'One of these entries does not exist, was written without a payload, or has lost it already.',
};
const NO_SUCH_RULE: Problem = {
  status: 404,
  code: 'unknown_retention_rule',
  title: 'Nothing was erased.',
  detail: 'The configuration has no rule of this name under `retention`.',
};

export const GRANT_PROBLEMS: Readonly<Record<'unknown' | 'not_an_approver' | 'over', Problem>> = {
  unknown: { status: 404, code: 'unknown', title: 'There is no such grant.', detail: 'Look at the list of grants.' },
  not_an_approver: {
    status: 403,
    code: 'not_an_approver',
    title: 'The grant still holds.',
    detail: 'The rule that its approval was asked for does not name you. Leave it to those it names.',
  },
  over: { status: 409, code: 'over', title: 'The grant has ended already.', detail: 'No call runs under it any more.' },
};

async function opened({ desk, publicUrl, person, parameters }: Asked): Promise<Answered> {
  const found = await desk.open(person, parameters['id'] ?? '');
  if (found === 'unknown') return { problem: refusedProblem('unknown') };
  if (found === 'closed_to_you') return { problem: CLOSED };
  return { value: openedJson(found, publicUrl) };
}

const CLOSED: Problem = {
  status: 403,
  code: 'closed_to_you',
  title: 'You may not open this approval.',
  detail: 'It is open to those its rule asks, and to people with a role. Ask the operator for one if you need it.',
};

const STATUS: Record<ReviewRefused, number> = {
  unknown: 404,
  own_call: 403,
  not_an_approver: 403,
  reason_missing: 422,
  already_reviewed: 409,
  already_decided: 409,
  over: 409,
  grant_too_wide: 422,
  blocked: 403,
};

function refusedProblem(refused: ReviewRefused): Problem {
  const title = refused === 'unknown' ? 'There is no such approval.' : 'The review was not counted.';
  return { status: STATUS[refused], code: refused, title, detail: reviewRefusedWords(refused) };
}
