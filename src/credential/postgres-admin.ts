// The login that makes and ends lease roles: a small pool for each, opened when it is first needed.
import pg from 'pg';
import { connectionProblem } from '../core/connection-problem.ts';
import { CredentialError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const IDLE_MS = 60_000;
/** Leases are made and ended in a few milliseconds: this many at once keep up with a busy broker. */
const CONNECTIONS = 4;

export class PostgresAdmins implements AsyncDisposable {
  readonly #pools = new Map<string, pg.Pool>();

  /** Runs `work` on a connection of the login. Throws CredentialError, with what the operator should fix. */
  async use<T>(admin: Secret, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient | undefined;
    try {
      client = await this.#pool(admin).connect();
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client?.release(true);
      throw error instanceof CredentialError ? error : adminProblem(admin, error);
    }
  }

  #pool(admin: Secret): pg.Pool {
    const url = admin.reveal();
    let pool = this.#pools.get(url);
    if (pool === undefined) {
      pool = new pg.Pool({
        connectionString: url,
        application_name: 'sallyport',
        max: CONNECTIONS,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        idleTimeoutMillis: IDLE_MS,
        statement_timeout: STATEMENT_TIMEOUT_MS,
        query_timeout: 2 * STATEMENT_TIMEOUT_MS, // Where not even the server's timeout arrives.
        allowExitOnIdle: true,
      });
      // What is cut is told by the query that it hits, or replaced when it is needed; without listeners it would end the process.
      pool.on('error', () => undefined);
      pool.on('connect', (client) => client.on('error', () => undefined));
      this.#pools.set(url, pool);
    }
    return pool;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.end()));
  }
}

const FIXES: Readonly<Record<string, (login: string) => string>> = {
  '28P01': (login) => `the password of ${login} is wrong`,
  '28000': (login) => `the server does not let ${login} in; see its pg_hba.conf`,
  '3D000': () => 'there is no such database',
  '42501': (login) => `${login} lacks a grant; tools/postgres/README.md lists what it needs`,
  '42704': () => 'a role in memberOf does not exist',
  '53300': () => 'the server has no connection left',
  '57P03': () => 'the server is starting up or shutting down',
};

function adminProblem(admin: Secret, error: unknown): CredentialError {
  const url = new URL(admin.reveal());
  const login = decodeURIComponent(url.username);
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  // The message of these errors is the server's about our own statements, which hold no secret but a verifier.
  const said = error instanceof Error && error.message !== '' ? error.message : String(error);
  const fix = FIXES[code]?.(login) ?? connectionProblem(error);
  const detail = `${login} at ${url.host}: ${said}${fix === undefined ? '' : ` (${fix})`}`;
  return new CredentialError('credential_unavailable', detail, error);
}
