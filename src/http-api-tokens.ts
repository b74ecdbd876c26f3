// The operations of the people's API that show what a token stands for. Part of the table in src/http-api-operations.ts.
import { z } from 'zod';
import { MAX_REASON_CHARS } from './core/limits.ts';
import type { Operation } from './http-api-operations.ts';
import { nothing } from './http-api-schema.ts';
import type { Problem } from './http-problem.ts';
import type { RevealRefused } from './masking/reveals.ts';

const asked = z.strictObject({
  token: z.string().min(1).max(100).describe('As it stands in a result or in the log.'),
  reason: z.string().trim().min(1).max(MAX_REASON_CHARS).describe('Why; it stands in the log.'),
});
const value = z.string().describe('What the token stands for.');
const revealed = z.object({ value });
const requested = z.object({
  request: z.string().describe('What another person must agree to, before you can collect the value.'),
  expiresAt: z.iso.datetime().describe('RFC 3339, in UTC.'),
});
const request = /^\/tokens\/reveals\/(?<id>[^/]+)/;

export const TOKEN_OPERATIONS: readonly Operation[] = [
  {
    id: 'revealToken',
    method: 'POST',
    path: '/tokens/reveals',
    pattern: /^\/tokens\/reveals$/,
    summary: 'What a token stands for; or, where that takes two people, a request that another one must agree to.',
    query: nothing,
    body: asked,
    roles: ['revealer'],
    status: 201,
    answer: z.union([revealed, requested]),
    problems: { 404: 'There is no such token.', 410: 'The token is too old.' },
    async run(call) {
      const { token, reason } = call.body as z.output<typeof asked>;
      const answer = await call.reveals.reveal(call.person, token, reason);
      if ('refused' in answer) return { problem: problemOf(answer.refused) };
      if ('value' in answer) return { value: answer };
      return { value: { request: answer.request, expiresAt: new Date(answer.expiresAt).toISOString() } };
    },
  },
  {
    id: 'approveReveal',
    method: 'POST',
    path: '/tokens/reveals/{id}/approval',
    pattern: new RegExp(`${request.source}/approval$`),
    summary: 'Agrees that somebody else sees what a token stands for. You do not see it.',
    query: nothing,
    body: nothing,
    roles: ['revealer'],
    status: 200,
    answer: z.object({ approved: z.literal(true) }),
    problems: {
      403: 'The request is your own.',
      404: 'There is no such request.',
      409: 'Somebody has agreed before.',
    },
    async run(call) {
      const answer = await call.reveals.approve(call.person, call.parameters['id'] ?? '');
      return answer === 'approved' ? { value: { approved: true } } : { problem: problemOf(answer) };
    },
  },
  {
    id: 'collectReveal',
    method: 'POST',
    path: '/tokens/reveals/{id}/value',
    pattern: new RegExp(`${request.source}/value$`),
    summary: 'What the token of your request stands for, once somebody has agreed. It can be collected once.',
    query: nothing,
    body: nothing,
    roles: ['revealer'],
    status: 200,
    answer: revealed,
    problems: {
      403: 'The request is not yours.',
      404: 'There is no such request.',
      409: 'Nobody has agreed yet.',
      410: 'The token is too old.',
    },
    async run(call) {
      const answer = await call.reveals.collect(call.person, call.parameters['id'] ?? '');
      return 'refused' in answer ? { problem: problemOf(answer.refused) } : { value: answer };
    },
  },
];

const REFUSED: Readonly<Record<RevealRefused, readonly [status: number, detail: string]>> = {
  unknown_token: [
    404,
    'No caller of this deployment was ever given this token, or it is too old. Give it whole, as it stands in the log.',
  ],
  expired_token: [410, 'The token is too old: what it stands for is not kept any more.'],
  unknown_request: [404, 'There is no such request, it was used, or its time is up. Make a new one.'],
  own_request: [403, 'Another person must agree to your request.'],
  not_your_request: [403, 'Whoever made the request collects the value, and nobody else.'],
  already_approved: [409, 'Somebody has agreed before.'],
  not_approved: [409, 'Nobody has agreed yet.'],
};

function problemOf(code: RevealRefused): Problem {
  const [status, detail] = REFUSED[code];
  return { status, code, title: 'Nothing was shown.', detail };
}
