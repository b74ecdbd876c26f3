// Calls the people's API of a running broker, as the person who has signed in. Effectful.
import { refreshTokenGrant } from 'openid-client';
import type { Problem } from '../http-problem.ts';
import { readLogin, writeLogin, type Login } from './login-file.ts';
import { askBroker, brokerOrigin, loginAt, type PeopleOptions } from './people-broker.ts';
import { UsageError } from './terminal.ts';

/** Sooner than a token expires on its way. */
const RENEW_BEFORE_MS = 30_000;

export type ApiAnswer = { readonly value: unknown } | { readonly problem: Problem };

/**
 * A GET, or a POST where there is a body. A problem that is the answer of the API is returned; throws UsageError where
 * nobody has signed in, or no broker answers.
 */
export async function callApi(options: PeopleOptions, path: string, body?: object): Promise<ApiAnswer> {
  const login = await readLogin(options.data);
  const origin = brokerOrigin(options.url, login?.broker);
  if (login === undefined) throw notSignedIn('nobody has signed in', origin);
  // A token is for one broker: another must not see it.
  if (login.broker !== origin) throw notSignedIn(`the login is for ${login.broker}`, origin);
  const response = await askBroker(`${origin}/api/v1${path}`, {
    headers: {
      authorization: `Bearer ${await currentToken(options.data, login)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  const answered: unknown = await response.json().catch(() => undefined);
  if (response.status === 401) throw notSignedIn('the broker does not accept the login any more', origin);
  if (response.ok) return { value: answered };
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') === true;
  if (!isProblem) throw new UsageError(`${origin} answered ${response.status}, and not as a broker does`);
  return { problem: answered as Problem };
}

async function currentToken(data: string, login: Login): Promise<string> {
  if (Date.now() < login.expiresAt - RENEW_BEFORE_MS) return login.accessToken;
  if (login.refreshToken === undefined) throw notSignedIn('the login has expired', login.broker);
  const { client, resource } = await loginAt(login.broker);
  try {
    const tokens = await refreshTokenGrant(client, login.refreshToken, { resource });
    const renewed = {
      broker: login.broker,
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token ?? login.refreshToken,
      expiresAt: Date.now() + (tokens.expires_in ?? 0) * 1000,
    };
    await writeLogin(data, renewed);
    return renewed.accessToken;
  } catch {
    throw notSignedIn('the login has ended', login.broker);
  }
}

function notSignedIn(why: string, origin: string): UsageError {
  return new UsageError(why, `Sign in first: sallyport login --url ${origin}`);
}
