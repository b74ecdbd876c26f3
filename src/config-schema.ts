// The keys of sallyport.yaml, with what they may hold and what the README says of them. Pure; read by src/config.ts.
import { z } from 'zod';
import { LOG_DEADLINE_MS } from './core/limits.ts';
import { duration } from './policy/quantities.ts';

/** Signatures by a private key alone: with a shared secret, whoever verifies could also sign. */
const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
] as const; // prettier-ignore

/** Some providers do not decode what `client_secret_basic` percent-encodes. */
export const CLIENT_AUTHENTICATIONS = ['client_secret_basic', 'client_secret_post'] as const;

/** Types of entries that have something beside them. */
const ENTRIES_WITH_PAYLOADS = ['intent', 'outcome', 'refused', 'approval.requested'] as const;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

// Without `abort`, the checks that follow would be run on what is no address.
const url = z.url({
  protocol: /^https?$/,
  abort: true,
  error: 'expected an address such as https://broker.example.com',
});
const securedUrl = url.refine((text) => new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname), {
  error: "expected https\nkeys fetched over plain http could be anybody's; only loopback addresses may do without",
});
const origin = url.refine((text) => new URL(text).origin === text.replace(/\/$/, ''), {
  error: 'expected an origin: scheme, host and port, and no path',
});

const issuerSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and "-"').optional()
    .describe('What its groups are prefixed with in rules (okta:finance); needed with more than one issuer.'),
  issuer: securedUrl.meta({ examples: ['https://issuer.example'] }).describe('The OpenID provider, as tokens name it in `iss`; discovery gives the rest.'),
  audience: z.string().min(1).optional().describe('What tokens must name in `aud`. Default: <publicUrl>/mcp.'),
  groups: z.string().min(1).default('groups').describe('The claim that lists groups.'),
  scopes: z.array(z.string().min(1)).default([]).describe('Scopes a token must carry; without them a call gets 403.'),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).default([...ALGORITHMS]).describe('Signature algorithms that are accepted.'),
}); // prettier-ignore

const peopleSchema = z.strictObject({
  issuer: securedUrl.meta({ examples: ['https://issuer.example'] }).describe('The OpenID provider people sign in at: one of `issuers`.'),
  clientId: z.string().min(1).describe('The broker, as that provider knows it. Redirect address: <publicUrl>/console/callback.'),
  clientSecret: z.string().min(1).optional().describe('Left out for a public client.'),
  clientAuthentication: z.enum(CLIENT_AUTHENTICATIONS).default('client_secret_basic').describe('How the secret is sent.'),
}); // prettier-ignore

const named = z.array(z.string().min(1)).default([]);
const roleSchema = z.strictObject({
  groups: named.describe('Whoever is in one of these groups; written issuer:group with more than one issuer.'),
  people: named.describe('These people, by the subject their issuer names them with.'),
}).prefault({}); // prettier-ignore

const rolesSchema = z.strictObject({
  approver: roleSchema.describe('May open every approval. Who may decide one is the business of its rule.'),
  auditor: roleSchema.describe('May open every approval.'),
  admin: roleSchema.describe('May open everything.'),
  revealer: roleSchema.describe('May see what tokens in the place of masked values stand for, and agree that others do.'),
}).prefault({}); // prettier-ignore

const slackUserSchema = z.strictObject({
  subject: z.string().min(1).describe('The person, as the issuer of `people` names them.'),
  name: z.string().min(1).optional().describe('What others read. Default: the subject.'),
  groups: named.describe('Their groups, as rules write them.'),
}); // prettier-ignore

const slackSchema = z.strictObject({
  webhook: securedUrl.optional().describe('An incoming webhook: a secret, so best a reference. Either this or `channel`.'),
  channel: z.string().min(1).optional().describe('Id of the channel the bot posts to; then the message itself is changed when something becomes of it.'),
  signingSecret: z.string().min(1).optional().describe('Of the Slack app: people can then decide in Slack. Its interactivity address: <publicUrl>/hooks/slack.'),
  botToken: z.string().min(1).optional().describe('Of the Slack app: to post to `channel`, to ask for reasons in a dialog, and to know people by their e-mail address (users:read.email).'),
  api: securedUrl.default('https://slack.com/api/').describe('Web API, where it is not that of slack.com.'),
  users: z.record(z.string().min(1), slackUserSchema).default({}).describe('Who people in Slack are: by user id or, with `botToken`, by e-mail address.'),
}); // prettier-ignore

const approvalsSchema = z.strictObject({
  slack: slackSchema.optional().describe('Tells approvers in Slack, where a rule says `notify: [slack]`.'),
  patience: z.record(z.string().min(1), duration('10s', '8h')).default({})
    .describe('How long an agent (`act.sub` of its token, else the OAuth client) can wait for one answer, where its client speaks MCP of 2025 and has another timeout than the usual 60 s: a little less than that timeout.'),
}).prefault({}); // prettier-ignore

const retentionSchema = z.strictObject({
  after: duration('1m', '36500d').describe('How long arguments and results are kept: `90d`.'),
  tools: z.array(z.string().min(1)).min(1).optional().describe('Of calls of these tools alone.'),
  types: z.array(z.enum(ENTRIES_WITH_PAYLOADS)).min(1).optional().describe('Of entries of these types alone: `outcome` has results, the others arguments.'),
}); // prettier-ignore

const checkpointsSchema = z.strictObject({
  file: z.string().min(1).optional().describe('A file, best on another volume: it holds the newest one.'),
  address: securedUrl.optional().describe('Each is sent there by POST, as text.'),
  stdout: z.boolean().default(false).describe('Each is a line of JSON on stdout; not for `stdio`.'),
}).prefault({}); // prettier-ignore

const maskingSchema = z.strictObject({
  secondOpinion: z.number('expected a number from 0 to 1').min(0).max(1).default(0.05).describe('Which part of the results above 4 KiB a second engine looks at before they leave: 0 none, 1 all that it keeps up with. Smaller ones it always looks at.'),
  revealTakesTwo: z.boolean().default(true).describe('Whether a second person with the role revealer must agree before one sees what a token stands for.'),
}).prefault({}); // prettier-ignore

export const configSchema = z.strictObject({
  listen: z.string().default('127.0.0.1:8931').describe('Address and port to listen on.'),
  publicUrl: origin.meta({ examples: ['https://broker.example'] }).optional().describe('Where clients reach the broker. Default: the listening address, where that is loopback.'),
  data: z.string().min(1).default('.sallyport').describe('Directory of embedded state and keys.'),
  keys: z.string().min(1).optional().describe('Directory of the keys, such as a mounted secret; what is missing there is made. Default: `keys` below `data`.'),
  policies: z.string().min(1).default('policies').describe('Directory of policy files.'),
  issuers: z.array(issuerSchema).min(1, 'expected at least one issuer').describe('Who may sign tokens: OpenID providers.'),
  store: z.string().refine(isPostgresUrl, 'expected postgres://LOGIN:PASSWORD@HOST/DATABASE\nleave it out for a file below `data`').optional().describe('Where state and log live, for several brokers: a Postgres prepared by `sallyport store init`. Left out: an SQLite file below `data`.'),
  durableWithin: duration('2s', '8s').default(LOG_DEADLINE_MS).describe('How long the store may take to keep an entry; after that the call is refused, or its result withheld.'),
  retention: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and "-"'), retentionSchema).default({}).describe('Rules, by name, for arguments and results kept beside the log: what is older is erased, and the log says so.'),
  checkpoints: checkpointsSchema.describe('Where signed checkpoints of the log go besides the store, so that its owner cannot rewrite it unseen.'),
  masking: maskingSchema.describe('How results are masked, whatever the tool.'),
  people: peopleSchema.optional().describe('How people sign in to the console, the API and the command line.'),
  approvals: approvalsSchema.describe('How approvers are told.'),
  roles: rolesSchema.describe('What a person may open.'),
  allowedOrigins: z.array(origin).default([]).describe('More origins that browsers may call from.'),
  allowedHosts: z.array(z.string().min(1)).default([]).describe('More values of the Host header that are served.'),
  logLevel: z.enum(LOG_LEVELS).default('info').describe('What the process itself prints.'),
}); // prettier-ignore

/** As written, with every default in its place. */
export type WrittenConfig = z.output<typeof configSchema>;

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
