// The options of `sallyport()`, checked when they are given: a mistake shows when the app starts, not at its first call.
// Called by src/agents.ts.
import type { MCPServerStreamableHttp } from '@openai/agents';
import { z } from 'zod';
import { MAX_SESSION_LABEL_CHARS } from './core/limits.ts';
import type { ClientCredentials } from './agents-token.ts';

type ServerOptions = ConstructorParameters<typeof MCPServerStreamableHttp>[0];

export interface BrokerOptions {
  /** The broker's MCP address, such as `https://tools.example.com/mcp`. */
  url: string;
  /**
   * The label under which the broker keeps together what this agent does, in the log and for session leases: one run,
   * or one conversation. A function gives it per call, from the run's context. Default: a new UUID for each `sallyport()`.
   */
  session?: string | ((call: SessionContext) => string);
  /** Milliseconds a call may take, an approval included. Default: 16 minutes, one more than an approval usually stands. */
  timeoutMs?: number;
  /** Accept plain http beyond this machine, where something else encrypts (a service mesh). Default: false. */
  allowInsecureHttp?: boolean;
  /** Further options of `MCPServerStreamableHttp`, such as `name`, `toolFilter` and `cacheToolsList`. */
  server?: Omit<ServerOptions, 'url' | 'authProvider' | 'toolMetaResolver' | 'timeout' | 'sessionId'>;
}

/** What `session` may look at; `runContext` is the Agents SDK's, its `context` what the app gave to `run()`. */
export interface SessionContext {
  runContext: { context: unknown };
  toolName: string;
}

/** A token by client credentials, renewed before it expires and after a 401. */
export interface ClientCredentialsOptions extends BrokerOptions {
  /** The OpenID provider; its token endpoint is found by discovery. Give this or `tokenUrl`. */
  issuer?: string;
  /** The token endpoint itself, for providers without discovery. */
  tokenUrl?: string;
  clientId: string;
  clientSecret: string;
  /** How the client shows who it is. Default: `client_secret_basic`. */
  clientAuthentication?: 'client_secret_basic' | 'client_secret_post';
  /** What the token is asked for. Default: `{ resource: url }` (RFC 8707). Some providers want `audience` or `scope` instead. */
  tokenParameters?: Record<string, string>;
  token?: never;
}

/** A token from the app itself: called before every request, so it should cache; called again after a 401. */
export interface OwnTokenOptions extends BrokerOptions {
  token: () => Promise<string>;
  issuer?: never;
  tokenUrl?: never;
  clientId?: never;
  clientSecret?: never;
}

export type SallyportOptions = ClientCredentialsOptions | OwnTokenOptions;

const text = z.string('must be a string').min(1, 'must not be empty');

/** A query or credentials would make the Agents SDK hide every error of the connection; none of the three needs them. */
const address = z.string('must be a string').superRefine((value, context) => {
  const url = URL.parse(value);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    context.addIssue('must be an address such as https://tools.example.com/mcp');
  } else if ([url.username, url.password, url.search, url.hash].some((part) => part !== '')) {
    context.addIssue('must have no user name, password, query or fragment');
  }
});

const common = z.strictObject({
  url: address,
  session: z
    .custom<NonNullable<BrokerOptions['session']>>(
      (value) =>
        typeof value === 'function' ||
        (typeof value === 'string' && value.length > 0 && value.length <= MAX_SESSION_LABEL_CHARS),
      `must be a string of 1 to ${MAX_SESSION_LABEL_CHARS} characters, or a function that returns one`,
    )
    .optional(),
  timeoutMs: z
    .int('must be a whole number of milliseconds')
    .min(1, 'must be more than 0')
    // setTimeout fires at once beyond 2^31 - 1.
    .max(2_147_483_647, 'must be less than 25 days')
    .default(16 * 60_000),
  allowInsecureHttp: z.boolean('must be true or false').default(false),
  server: z.custom<NonNullable<BrokerOptions['server']>>(isObject, 'must be an object').optional(),
});

const ownToken = common.extend({
  token: z.custom<OwnTokenOptions['token']>((value) => typeof value === 'function', 'must be a function'),
});

const byClientCredentials = common
  .extend({
    issuer: address.optional(),
    tokenUrl: address.optional(),
    clientId: text,
    clientSecret: text,
    clientAuthentication: z
      .enum(['client_secret_basic', 'client_secret_post'], 'must be client_secret_basic or client_secret_post')
      .default('client_secret_basic'),
    tokenParameters: z.record(z.string(), z.string('must be a string'), 'must be an object of strings').optional(),
  })
  .refine((options) => (options.issuer === undefined) !== (options.tokenUrl === undefined), {
    path: ['issuer'],
    error: 'or tokenUrl must be given, and not both',
  });

export interface CheckedOptions {
  readonly url: string;
  readonly session?: BrokerOptions['session'] | undefined;
  readonly timeoutMs: number;
  readonly allowInsecureHttp: boolean;
  readonly server?: BrokerOptions['server'] | undefined;
  /** Where tokens come from. */
  readonly tokens: OwnTokenOptions['token'] | ClientCredentials;
}

/** Throws a TypeError that names every wrong option, never with its value. */
export function checkOptions(options: SallyportOptions): CheckedOptions {
  if (!isObject(options)) throw new TypeError('sallyport(): expected an object of options');
  const problems = plainHttpProblems(options);
  const checked = ('token' in options ? ownToken : byClientCredentials).safeParse(options);
  if (!checked.success) problems.unshift(...checked.error.issues.map(describe));
  if (!checked.success || problems.length > 0) throw new TypeError(`sallyport(): ${problems.join('; ')}`);
  if ('token' in checked.data) return { ...checked.data, tokens: checked.data.token };
  const { issuer, tokenUrl, tokenParameters, ...rest } = checked.data;
  const server = issuer === undefined ? { tokenUrl: new URL(tokenUrl ?? '') } : { issuer: new URL(issuer) };
  return { ...rest, tokens: { ...rest, server, parameters: tokenParameters ?? { resource: rest.url } } };
}

function describe(issue: z.core.$ZodIssue): string {
  const name = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return `unknown ${issue.keys.length === 1 ? 'option' : 'options'} ${issue.keys.join(', ')}`;
  }
  return issue.input === undefined && issue.code === 'invalid_type' ? `${name} is missing` : `${name} ${issue.message}`;
}

/** RFC 8252, section 8.3: plain http is acceptable on the loopback interface alone. */
function plainHttpProblems(options: SallyportOptions): string[] {
  if (options.allowInsecureHttp === true) return [];
  return Object.entries(options).flatMap(([key, value]) => {
    if (!['url', 'issuer', 'tokenUrl'].includes(key) || typeof value !== 'string') return [];
    const url = URL.parse(value);
    if (url?.protocol !== 'http:' || isLoopback(url.hostname)) return [];
    return [`${key} must be https, or the token can be read on the way (allowInsecureHttp: true accepts that)`];
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
