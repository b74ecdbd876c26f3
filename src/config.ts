// sallyport.yaml + environment → one frozen Config, or every problem at once. Called by src/cli.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { SlackConfig } from './approval/slack-config.ts';
import { isJsonObject } from './core/json.ts';
import { LOG_DEADLINE_MS } from './core/limits.ts';
import { ConfigurationError, type Problem, type ProblemPlace, type Report } from './core/problem.ts';
import { Secret } from './core/secret.ts';
import type { RetentionRule } from './log/erasures.ts';
import { exampleAt, parseAnyway } from './policy/own-keys.ts';
import { duration } from './policy/quantities.ts';
import { resolveReferences } from './policy/references.ts';
import { parseReporting } from './policy/schema-problems.ts';
import { YamlFile } from './policy/yaml-file.ts';

/** Signatures by a private key alone: with a shared secret, whoever verifies could also sign. */
const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
] as const; // prettier-ignore

/** Some providers do not decode what `client_secret_basic` percent-encodes. */
const CLIENT_AUTHENTICATIONS = ['client_secret_basic', 'client_secret_post'] as const;

/** Types of entries that have something beside them. */
const ENTRIES_WITH_PAYLOADS = ['intent', 'outcome', 'refused', 'approval.requested'] as const;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  /** Where clients reach the broker; an origin, without a slash at the end. */
  readonly publicUrl: string;
  /** Absolute. Where embedded state and keys live. */
  readonly dataDirectory: string;
  /** Absolute. One file for each purpose. */
  readonly keysDirectory: string;
  /** Absolute. */
  readonly policiesDirectory: string;
  /** At least one. */
  readonly issuers: readonly IssuerConfig[];
  /** URL of the Postgres store; undefined for the embedded one. */
  readonly store: Secret | undefined;
  /** Where checkpoints go besides the store. `file` is absolute. */
  readonly checkpoints: {
    readonly file: string | undefined;
    readonly address?: string | undefined;
    readonly stdout: boolean;
  };
  readonly masking: {
    /** Of results that are too large to be looked at by two engines every time: which part is. */
    readonly secondOpinion: number;
    /** Whether it takes two people to see what a token stands for. */
    readonly revealTakesTwo: boolean;
  };
  /** What is not on disk by then counts as not written. */
  readonly durableWithinMs: number;
  /** What of payloads is not kept longer than a while. */
  readonly retention: readonly RetentionRule[];
  /** How people sign in; undefined where nobody can, and so nobody can approve. */
  readonly people: PeopleConfig | undefined;
  /** Ways to people besides the console, the API and the command line. */
  readonly slack?: SlackConfig | undefined;
  /** How long agents of the 2025 era that are known to wait longer are kept waiting for a person, in milliseconds, by agent. */
  readonly agentPatienceMs: Readonly<Record<string, number>>;
  /** What a person may open. Who may approve what is the business of rules. */
  readonly roles: Readonly<Record<'approver' | 'auditor' | 'admin' | 'revealer', RoleConfig>>;
  /** Origins that browsers may call from, `publicUrl` among them. */
  readonly allowedOrigins: readonly string[];
  /** Values of the Host header that are served (`host:port`, or `host` alone for the default port), that of `publicUrl` among them. */
  readonly allowedHosts: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

export interface IssuerConfig {
  /** Defined wherever there is more than one issuer: groups are then written `name:group`. */
  readonly name: string | undefined;
  /** As tokens say it in `iss`. */
  readonly issuer: string;
  /** As tokens must say it in `aud`. */
  readonly audience: string;
  /** The claim that lists groups. */
  readonly groupsClaim: string;
  readonly algorithms: readonly string[];
  /** Scopes a token must carry. */
  readonly requiredScopes: readonly string[];
}

export interface PeopleConfig {
  /** One of `issuers`: only so can a person be held against the caller whose call they approve. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret: Secret | undefined;
  readonly clientAuthentication: (typeof CLIENT_AUTHENTICATIONS)[number];
}

/** Who has a role: whoever is in one of the groups, or is named by subject. */
export interface RoleConfig {
  readonly groups: readonly string[];
  readonly people: readonly string[];
}

const url = z.url({ protocol: /^https?$/, error: 'expected an address such as https://broker.example.com' });
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
  botToken: z.string().min(1).optional().describe('Of the Slack app: to post to `channel`, and to know people by their e-mail address (users:read.email).'),
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

const configSchema = z.strictObject({
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

/** Keys of sallyport.yaml as the command line gives them; its paths are relative to the working directory. */
export type ConfigOverrides = Partial<z.input<typeof configSchema>>;

export interface ConfigSources {
  /** As the user typed it; left out, only `overrides` count. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides?: ConfigOverrides;
}

/** Reads the configuration. Paths in the file are relative to it. Throws ConfigurationError with every problem. */
export function loadConfig(sources: ConfigSources): Config {
  const { config, problems } = readConfig(sources);
  if (config === undefined) throw new ConfigurationError(problems);
  return config;
}

/**
 * Reads the configuration for a check.
 *
 * @param unset what a reference is whose variable or file is not there. With `warning`, examples stand in for their values:
 *   enough to check what else there is, and nothing to run with.
 */
export function readConfig(
  { file, env, overrides = {} }: ConfigSources,
  unset: 'error' | 'warning' = 'error',
): { readonly config: Config | undefined; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const directory = file === undefined ? process.cwd() : dirname(resolve(file));
  const text = file === undefined ? '{}' : readText(file, problems);
  if (text === undefined) return { config: undefined, problems };
  const yaml = new YamlFile(file ?? 'command line', text, problems);
  if (yaml.unreadable) return { config: undefined, problems };
  const report = yaml.report();
  const { value, unresolved } = resolveReferences(yaml.value ?? {}, { env, directory }, report, unset);
  const { policies, data, ...others } = overrides;
  const paths = {
    ...(policies === undefined ? {} : { policies: resolve(policies) }),
    ...(data === undefined ? {} : { data: resolve(data) }),
  };
  const written = isJsonObject(value) ? { ...value, ...others, ...paths } : value;
  const example = (path: ProblemPlace['path']): { path: typeof path; value: unknown } => ({
    path,
    value: exampleAt(configSchema, path),
  });
  const parsed = isJsonObject(written)
    ? parseAnyway(configSchema, written, report, example, unresolved).value
    : parseReporting(configSchema, written, report).value;
  const wrong = (): boolean => problems.some(({ severity }) => severity === 'error');
  const config = parsed && !wrong() ? assemble(parsed, directory, report) : undefined;
  return { config: wrong() ? undefined : config, problems };
}

function readText(file: string, problems: Problem[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${code ?? String(error)}`;
    const hint = 'create it, or name another with --config; `issuers` is the one key it needs';
    problems.push({ severity: 'error', file, line: 1, column: 1, message, hint });
    return undefined;
  }
}

function assemble(parsed: z.output<typeof configSchema>, directory: string, report: Report): Config | undefined {
  const listen = parseListen(parsed.listen);
  if (listen === undefined) {
    report.error({ path: ['listen'] }, 'expected address:port, such as 127.0.0.1:8931 or [::1]:8931');
    return undefined;
  }
  if (parsed.publicUrl === undefined && (!isLoopback(listen.host) || listen.port === 0)) {
    report.error(
      { path: ['listen'] },
      'clients cannot tell from this address where the broker is',
      'say it in `publicUrl`',
    );
    return undefined;
  }
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const publicUrl = new URL(parsed.publicUrl ?? `http://${host}:${String(listen.port)}`);
  checkIssuers(parsed.issuers, report);
  checkPeople(parsed, report);
  const slack = slackOf(parsed, report);
  return deepFreeze({
    listen,
    publicUrl: publicUrl.origin,
    dataDirectory: resolve(directory, parsed.data),
    keysDirectory: resolve(directory, parsed.keys ?? join(parsed.data, 'keys')),
    policiesDirectory: resolve(directory, parsed.policies),
    issuers: parsed.issuers.map(({ name, issuer, audience, groups, scopes, algorithms }) => {
      return {
        name,
        issuer,
        audience: audience ?? `${publicUrl.origin}/mcp`,
        groupsClaim: groups,
        requiredScopes: scopes,
        algorithms,
      };
    }),
    store: secretOf(parsed.store),
    checkpoints: {
      ...parsed.checkpoints,
      file: parsed.checkpoints.file === undefined ? undefined : resolve(directory, parsed.checkpoints.file),
    },
    masking: parsed.masking,
    durableWithinMs: parsed.durableWithin,
    retention: Object.entries(parsed.retention).map(([name, { after, ...rule }]) => {
      return { name, afterMs: after, after: writtenDuration(after), ...rule };
    }),
    people: parsed.people && { ...parsed.people, clientSecret: secretOf(parsed.people.clientSecret) },
    slack,
    agentPatienceMs: parsed.approvals.patience,
    roles: parsed.roles,
    allowedOrigins: [publicUrl.origin, ...parsed.allowedOrigins.map((text) => new URL(text).origin)],
    allowedHosts: [publicUrl.host, ...parsed.allowedHosts],
    logLevel: parsed.logLevel,
  });
}

function checkIssuers(issuers: z.output<typeof configSchema>['issuers'], report: Report): void {
  for (const [index, { name, issuer }] of issuers.entries()) {
    const before = issuers.slice(0, index);
    if (before.some((other) => other.issuer === issuer)) {
      report.error({ path: ['issuers', index, 'issuer'] }, 'this issuer is listed twice');
    }
    if (name !== undefined && before.some((other) => other.name === name)) {
      report.error({ path: ['issuers', index, 'name'] }, `another issuer is called "${name}" too`);
    }
    if (name === undefined && issuers.length > 1) {
      report.error(
        { path: ['issuers', index] },
        'missing: `name`',
        'with more than one issuer, rules write groups as name:group',
      );
    }
  }
}

function checkPeople({ people, issuers }: z.output<typeof configSchema>, report: Report): void {
  if (people === undefined || issuers.some(({ issuer }) => issuer === people.issuer)) return;
  report.error(
    { path: ['people', 'issuer'] },
    'expected one of `issuers`',
    'nobody approves their own call, and only one issuer can say who is the same person; add it to `issuers`',
  );
}

function slackOf({ approvals, people }: z.output<typeof configSchema>, report: Report): SlackConfig | undefined {
  const { slack } = approvals;
  if (slack === undefined) return undefined;
  const { webhook, channel, signingSecret, botToken, api, users } = slack;
  const at = (key?: string): ProblemPlace => ({
    path: ['approvals', 'slack', ...(key === undefined ? [] : [key])],
    atKey: true,
  });
  if (people === undefined) {
    report.error(at(), 'people must be able to sign in to decide', 'say how in `people`');
  }
  if ((webhook === undefined) === (channel === undefined)) {
    report.error(at(), 'expected either `webhook` or `channel`', 'it says where messages are posted');
  }
  if (channel !== undefined && botToken === undefined) {
    report.error(at('channel'), 'only a bot posts to a channel by its id', 'add `botToken`, or use `webhook`');
  }
  const listed = Object.keys(users);
  if (signingSecret !== undefined && listed.length === 0) {
    report.error(at('signingSecret'), 'no click would count', 'say in `users` who people in Slack are');
  }
  if (signingSecret === undefined && listed.length > 0) {
    report.error(at('users'), 'nobody can click without `signingSecret`', 'add it, or remove `users`');
  }
  if (botToken !== undefined && channel === undefined && !listed.some(isAddress)) {
    report.error(at('botToken'), 'nothing would use it', 'add `channel`, or e-mail addresses to `users`');
  }
  for (const key of listed.filter((one) => botToken === undefined && isAddress(one))) {
    const place = { path: ['approvals', 'slack', 'users', key], atKey: true };
    report.error(place, 'only a bot can look e-mail addresses up', 'add `botToken`, or write the Slack user id');
  }
  return {
    to: channel === undefined ? { kind: 'webhook', url: new Secret(webhook ?? '') } : { kind: 'channel', channel },
    signingSecret: secretOf(signingSecret),
    botToken: secretOf(botToken),
    api: api.endsWith('/') ? api : `${api}/`,
    users: Object.fromEntries(Object.entries(users).map(([key, { name, ...user }]) => [key, { ...user, name }])),
  };
}

function isAddress(text: string): boolean {
  return text.includes('@');
}

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
}

function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined ? undefined : new Secret(text);
}

/** `90d` for 7,776,000,000 ms: in the largest unit that divides it. */
function writtenDuration(ms: number): string {
  const [unit, length] = ([['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const)
    .find(([, each]) => ms % each === 0) ?? ['ms', 1]; // prettier-ignore
  return `${ms / length}${unit}`;
}

function parseListen(text: string): Config['listen'] | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? '', port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
