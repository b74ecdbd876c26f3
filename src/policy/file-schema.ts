// The format of policy files: what every kind of backend and tool shares. The one source of what `check` says, of what the
// broker reads and of policies/schema.json. A kind's, a provider's and the masks' own keys come from their own schemas.
import { z } from 'zod';
import { CHANNELS } from '../core/approval.ts';
import { duration, size } from './quantities.ts';
import { inputProperty } from './input-schema.ts';

/** What Agents SDK leaves of a name as it is, so that no two tools become one there. */
export const TOOL_NAME = /^[a-zA-Z0-9_]{1,64}$/;
const BACKEND_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const RULE_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$/;

const block = z.looseObject({});

/** A file, from outside: every backend, tool and rule in it is then read on its own, so that each reports its own problems. */
export const fileSchema = z.strictObject({
  version: z.literal(1, 'expected 1').describe('Version of this format.'),
  backends: z
    .record(z.string().regex(BACKEND_NAME, 'expected a name of letters, digits, "_" and "-"'), block)
    .default({}),
  tools: z
    .record(z.string().regex(TOOL_NAME, 'expected a name of at most 64 letters, digits and "_"'), block)
    .default({}),
  rules: z.array(block).default([]),
});

const words = z.string().trim().min(1);

/** A backend's keys beside its kind's. `mask` items are read by the masks' own schema. */
export const backendSchema = z.strictObject({
  kind: z.string().describe('The kind of system.'),
  credential: block.optional().describe('The credential a call gets, made for it and ended after it.'),
  mask: z.array(block).default([]).describe('Masks on the results of every tool of this backend.'),
});

/** A `credential` block's keys beside its provider's. */
export const credentialSchema = z.strictObject({
  kind: z.string().describe('The provider that makes the credential.'),
  scope: z.enum(['session', 'invocation']).default('session').describe('What one credential serves, and ends with.'),
  ttl: duration('10s', '1h').default(300_000).describe('How long it lives at most.'),
});

/** How much a call may take, where a tool says nothing: what a model can read, and well under what clients wait for. */
const DEFAULT_LIMITS = { rows: 1_000, bytes: 262_144, timeout: 10_000 };

const limitsSchema = z.strictObject({
  rows: z.int().min(1).max(100_000).default(DEFAULT_LIMITS.rows).describe('Rows of a result; the rest is cut off, and said to be.'),
  bytes: size('1KiB', '16MiB').default(DEFAULT_LIMITS.bytes).describe('Size of a result as JSON.'),
  timeout: duration('100ms', '10m').default(DEFAULT_LIMITS.timeout).describe('How long the backend may take.'),
}); // prettier-ignore

/** A tool's keys beside its kind's. */
export const toolSchema = z.strictObject({
  title: words.max(100).optional().describe('A name for people.'),
  description: words.max(4_000).optional().describe('What the model reads to choose the tool.'),
  backend: z.string().describe('The backend it runs on.'),
  input: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/, 'expected a name of letters, digits and "_"'), inputProperty).default({})
    .describe('Its arguments. Every one is required unless `optional: true`; others are refused.'),
  readOnly: z.boolean().default(false).describe('It changes nothing: enforced where the backend can, and told to clients.'),
  destructive: z.boolean().default(false).describe('It may destroy or overwrite something: told to clients.'),
  idempotent: z.boolean().default(false).describe('Calling it twice does no more than calling it once: told to clients.'),
  limits: limitsSchema.prefault({}).describe('How much a call may take.'),
  mask: z.array(block).default([]).describe('Masks on its results, added to those of its backend.'),
  maskArguments: z.array(block).default([]).describe('Masks on its arguments wherever people see them: approvers, and readers of the log. `$` is the arguments.'),
}); // prettier-ignore

const some = z.array(z.string().min(1)).min(1);
const claimValue = z.union([z.string(), z.number(), z.boolean()]);

/** Every key must match; a key matches where one of its entries does. */
const principalsSchema = z.strictObject({
  issuers: some.optional().describe('Names or addresses of issuers.'),
  subjects: some.optional().describe('The person or service on whose behalf the call is made (`sub`).'),
  agents: some.optional().describe('The agent that acts (`act.sub`, else the OAuth client).'),
  groups: some.optional().describe('Groups; written issuer:group with more than one issuer.'),
  scopes: some.optional().describe('Scopes of the token.'),
  claims: z.record(z.string(), z.array(claimValue).min(1)).optional().describe('Verified claims: the claim is, or contains, one of the values.'),
}).refine((given) => Object.keys(given).length > 0, 'expected at least one of its keys\nleave `principals` out for everybody who has signed in'); // prettier-ignore

/** In `tools`: every tool there is. */
export const EVERY_TOOL = '*';

const approvalSchema = z.strictObject({
  approvers: z.strictObject({
    groups: some.optional().describe('Whoever is in one of these groups.'),
    people: some.optional().describe('These people, by the subject their issuer names them with.'),
  }).refine((given) => Object.keys(given).length > 0, 'expected `groups` or `people`').describe('Who may say yes or no.'),
  quorum: z.int().min(1).max(10).default(1).describe('How many distinct people must say yes. One no ends it.'),
  perGroup: z.record(z.string(), z.int().min(1).max(10)).default({}).describe('How many of them at least must be from each of these groups.'),
  expires: duration('1m', '7d').default(900_000).describe('How long it may wait to be decided and used.'),
  reason: z.enum(['optional', 'required']).default('optional').describe('Whether the approver must say why.'),
  notify: z.array(z.enum(CHANNELS)).default([]).describe('Where else approvers are told, as sallyport.yaml sets it up.'),
  justification: z.literal('required').optional().describe('The agent must say why it makes the call, in an argument `justification` that its tools are given.'),
}); // prettier-ignore

const grantSchema = z.strictObject({
  atMost: duration('1m', '8h').describe('For how long access may be given at most.'),
  uses: z.int().min(1).max(1_000).describe('For how many calls at most; the one that asked counts.'),
  same: z.array(z.string().min(1)).default([]).describe('Arguments that every such call must have as the first one had them.'),
}); // prettier-ignore

export const ruleSchema = z.strictObject({
  id: z.string().regex(RULE_ID, 'expected letters, digits, "_", "." and "-"').describe('Its name in decisions and in the log.'),
  description: words.optional().describe('Why it is there, for people.'),
  effect: z.enum(['allow', 'require_approval', 'deny']).describe('Deny beats require_approval beats allow.'),
  principals: principalsSchema.optional().describe('Whom it concerns; left out: everybody who has signed in.'),
  tools: some.describe('Which tools it concerns; "*" is every tool.'),
  when: words.optional().describe('A CEL condition over args, tokens, principal, tool, session and now.'),
  message: words.max(500).optional().describe('What the agent is told when this rule stops a call.'),
  approval: approvalSchema.optional().describe('Whom to ask; for `require_approval`, and only there.'),
  grant: grantSchema.optional().describe('What the approver may give in the place of one call: the same principal, in the same session, may call the tool again without asking.'),
}); // prettier-ignore

export type PrincipalsDeclaration = z.output<typeof principalsSchema>;
export type RuleDeclaration = z.output<typeof ruleSchema>;
export type ToolDeclaration = z.output<typeof toolSchema>;
