// sallyport.yaml + environment → one frozen Config, or every problem at once. Called by src/cli.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import type { SlackConfig } from './approval/slack-config.ts';
import {
  configSchema,
  isLoopback,
  type CLIENT_AUTHENTICATIONS,
  type LOG_LEVELS,
  type WrittenConfig,
} from './config-schema.ts';
import { isJsonObject } from './core/json.ts';
import { ConfigurationError, type Problem, type ProblemPlace, type Report } from './core/problem.ts';
import { Secret } from './core/secret.ts';
import type { RetentionRule } from './log/erasures.ts';
import { exampleAt, parseAnyway } from './policy/own-keys.ts';
import { resolveReferences } from './policy/references.ts';
import { parseReporting } from './policy/schema-problems.ts';
import { YamlFile } from './policy/yaml-file.ts';

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

function assemble(parsed: WrittenConfig, directory: string, report: Report): Config | undefined {
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

function checkIssuers(issuers: WrittenConfig['issuers'], report: Report): void {
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

function checkPeople({ people, issuers }: WrittenConfig, report: Report): void {
  if (people === undefined || issuers.some(({ issuer }) => issuer === people.issuer)) return;
  report.error(
    { path: ['people', 'issuer'] },
    'expected one of `issuers`',
    'nobody approves their own call, and only one issuer can say who is the same person; add it to `issuers`',
  );
}

function slackOf({ approvals, people }: WrittenConfig, report: Report): SlackConfig | undefined {
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

function deepFreeze<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  return Object.freeze(value);
}
