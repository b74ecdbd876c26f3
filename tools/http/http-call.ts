// Makes one call: sends the request under the lease's credential, follows redirects within the origin, tries again where the backend
// says when, and reads the answer. Throws BackendError alone.
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher, Pool } from 'undici';
import { stoppedBy } from '../../src/core/cancelled.ts';
import { BackendError } from '../../src/core/errors.ts';
import type { Lease } from '../../src/core/evidence.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ToolAnswer, ToolCall } from '../../src/core/tool.ts';
import type { ToolLimits } from '../tool-kind.ts';
import { UnreachableAddress, type Resolve } from './addresses.ts';
import { poolOf } from './connections.ts';
import { discard, readAnswer, UnreadableAnswer } from './http-answer.ts';
import type { HttpBackend } from './http-backend.ts';
import { connectionError, redirectError, statusError } from './http-errors.ts';
import { isIdempotent, isSafe, type Method, type RequestPlan } from './request.ts';

export interface HttpOperation {
  readonly backend: string;
  readonly options: HttpBackend;
  readonly plan: RequestPlan;
  readonly limits: ToolLimits;
  readonly resolve: Resolve;
}

const MAX_REDIRECTS = 5;
const MAX_ATTEMPTS = 3;
/** What a try must have left before the deadline to be worth waiting for. */
const WORTHWHILE_MS = 200;
/** A `Retry-After` of zero is no reason to hurry. */
const SHORTEST_WAIT_MS = 50;

interface Whereabouts {
  readonly origin: string;
  /** The backend's name and address, for the operator. */
  readonly address: string;
}

interface Sent {
  readonly method: Method;
  /** Path and query, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export async function callHttp(operation: HttpOperation, call: ToolCall): Promise<ToolAnswer> {
  const { lease, signal } = call;
  const { backend, options, plan, resolve } = operation;
  const { origin, host } = new URL(options.url);
  const address = `${backend} at ${host}`;
  if (lease === undefined) {
    throw new BackendError(
      'backend_unavailable',
      `${backend} declares no credential, and connections belong to a lease`,
    );
  }
  const request = requestOf(operation, call, lease);
  try {
    const pool = await poolOf(lease, backend, options, resolve);
    if (signal.aborted) throw stoppedBy(signal);
    const answer = await follow(pool, request, call, { origin, address });
    return { structured: await read(answer, operation, address) };
  } catch (error) {
    if (error instanceof BackendError) throw error;
    if (error instanceof UnreachableAddress) throw connectionError(error, plan.method, address);
    // Whether a change that was sent was made, only its answer could have told.
    if (signal.aborted && isSafe(plan.method)) throw stoppedBy(signal);
    if (signal.aborted) throw new BackendError('outcome_unknown', `${address}: the call was stopped after it was sent`);
    throw connectionError(error, plan.method, address);
  }
}

function requestOf({ options, plan }: HttpOperation, call: ToolCall, lease: Lease): Sent {
  const { path, query, headers, body } = plan.build(call.arguments);
  const base = new URL(options.url).pathname.replace(/\/$/, '');
  const changes = plan.method === 'POST' || plan.method === 'PATCH';
  return {
    method: plan.method,
    path: `${base}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`,
    headers: {
      accept: 'application/json, text/*;q=0.5',
      'accept-encoding': 'gzip, br, deflate',
      'user-agent': 'sallyport',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
      ...headers,
      ...(changes ? { [options.idempotencyHeader]: call.intent.permit.invocation.id } : {}),
      ...signIn(lease, options),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  };
}

/** The lease's credential as the backend wants it; nothing for a lease without one. */
function signIn({ credential, provider }: Lease, { token: place }: HttpBackend): Record<string, string> {
  const { token, user, password } = credential;
  if (token instanceof Secret) {
    return place === undefined
      ? { authorization: `Bearer ${token.reveal()}` }
      : { [place.header]: `${place.prefix}${token.reveal()}` };
  }
  if (typeof user === 'string' && password instanceof Secret) {
    return { authorization: `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}` };
  }
  if (Object.keys(credential).length === 0) return {};
  throw new BackendError('backend_unavailable', `a ${provider} lease holds neither a token nor a user and password`);
}

/** The answer that counts: after redirects within the origin, and after tries that the backend itself put off. */
async function follow(
  pool: Pool,
  first: Sent,
  call: ToolCall,
  { origin, address }: Whereabouts,
): Promise<Dispatcher.ResponseData> {
  let request = first;
  let redirects = 0;
  for (let attempt = 1; ;) {
    const answer = await pool.request({ ...request, body: request.body ?? null, signal: call.signal });
    const status = answer.statusCode;
    if (status >= 300 && status < 400 && status !== 304) {
      await discard(answer);
      if (++redirects > MAX_REDIRECTS) throw redirectError(status, first.method, 'there are too many', address);
      request = redirected(request, answer, origin, address);
      continue;
    }
    const waitMs = isIdempotent(request.method) && attempt < MAX_ATTEMPTS ? retryAfterMs(answer) : undefined;
    if (waitMs === undefined || Date.now() + waitMs + WORTHWHILE_MS > call.deadline) return answer;
    await discard(answer);
    await delay(waitMs, undefined, { signal: call.signal });
    attempt++;
  }
}

const REQUEST_PUT_OFF = new Set([425, 429, 503]);

/** How long the backend asks to be left alone (RFC 9110, 10.2.3); undefined where it does not say. */
function retryAfterMs({ statusCode, headers }: Dispatcher.ResponseData): number | undefined {
  const said = headers['retry-after'];
  if (!REQUEST_PUT_OFF.has(statusCode) || typeof said !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(said.trim()) ? Number(said) * 1_000 : Date.parse(said) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, SHORTEST_WAIT_MS);
}

/** The request of the next hop. Throws BackendError for one that leaves the origin, or that would send a change again. */
function redirected(
  request: Sent,
  { statusCode, headers }: Dispatcher.ResponseData,
  origin: string,
  address: string,
): Sent {
  const refuse = (why: string): BackendError => redirectError(statusCode, request.method, why, address);
  const { location } = headers;
  const here = origin + request.path;
  if (typeof location !== 'string' || !URL.canParse(location, here)) throw refuse('it says nowhere to go to');
  const target = new URL(location, here);
  if (target.origin !== origin) throw refuse('it leaves the origin of the backend');
  if (target.username !== '' || target.password !== '') throw refuse('its address carries a login');
  const again = statusCode === 307 || statusCode === 308 ? isIdempotent(request.method) : isSafe(request.method);
  if (!again) throw refuse('it would send a change again');
  return { ...request, path: `${target.pathname}${target.search}` };
}

async function read(
  answer: Dispatcher.ResponseData,
  { plan: { method }, limits }: HttpOperation,
  address: string,
): Promise<JsonObject> {
  const status = answer.statusCode;
  if (status < 200 || status >= 300) {
    await discard(answer);
    throw statusError(status, method, address);
  }
  try {
    return await readAnswer(answer, limits.bytes);
  } catch (error) {
    if (!(error instanceof UnreadableAnswer)) throw error;
    // The change was made: that its answer cannot be shown must not look like a failure of it.
    if (!isSafe(method)) return { body: null, omitted: `The call was made. ${error.words}` };
    throw new BackendError('backend_failed', `${address}: ${error.message}`, { words: error.words });
  }
}
