// The connections of one lease: a small pool under the lease's own login, closed when the lease ends.
import pg from 'pg';
import type { Lease } from '../../src/core/evidence.ts';
import { BackendError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_MS = 60_000;
/** A connection that is closing still counts on the server for a moment. */
const SPARE_CONNECTIONS = 2;
const DEFAULT_CONNECTION_LIMIT = 8;

/**
 * Texts come as ISO 8601 and with every digit, and a backslash is what the broker's own scanner takes it for, whatever the
 * server's defaults are.
 */
const SESSION_SETTINGS =
  '-c DateStyle=ISO,MDY -c IntervalStyle=iso_8601 -c bytea_output=hex -c extra_float_digits=1 -c standard_conforming_strings=on';

const pools = new WeakMap<Lease, Map<string, pg.Pool>>();

/** The pool of the lease on a backend; made when it is first asked for. Throws BackendError where the lease gives no login. */
export function poolOf(lease: Lease, url: string): pg.Pool {
  let own = pools.get(lease);
  if (own === undefined) pools.set(lease, (own = new Map<string, pg.Pool>()));
  let pool = own.get(url);
  if (pool === undefined) {
    if (lease.resources.disposed) throw new BackendError('cancelled', 'the lease has ended');
    pool = openPool(lease, url);
    own.set(url, pool);
    const opened = pool;
    lease.resources.defer(() => opened.end());
  }
  return pool;
}

function openPool(lease: Lease, url: string): pg.Pool {
  const { user, password, connectionLimit } = lease.credential;
  if (typeof user !== 'string' || !(password instanceof Secret)) {
    throw new BackendError('backend_unavailable', `a ${lease.provider} lease holds no user and password for Postgres`);
  }
  const limit = Number(connectionLimit ?? DEFAULT_CONNECTION_LIMIT);
  const pool = new pg.Pool({
    connectionString: withLogin(url, user, password.reveal()),
    application_name: user,
    max: Math.max(1, limit - SPARE_CONNECTIONS),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // What is cut is told by the query that it hits, or replaced when it is needed; without listeners it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** A backend's url with a login, and with the settings that rendering relies on. */
export function withLogin(url: string, user: string, password: string): string {
  const full = new URL(url);
  full.username = encodeURIComponent(user);
  full.password = encodeURIComponent(password);
  const declared = full.searchParams.get('options');
  full.searchParams.set('options', declared === null ? SESSION_SETTINGS : `${declared} ${SESSION_SETTINGS}`);
  // URLSearchParams writes a space as `+`, which node-postgres would keep.
  full.search = full.search.replaceAll('+', '%20');
  return full.href;
}

interface ClientInternals {
  readonly processID: number;
  readonly secretKey: number;
  readonly host: string;
  readonly port: number;
  readonly connection: pg.Connection & { stream: { destroy(): void } };
  readonly ssl: boolean;
}

/**
 * Asks the server to stop what runs on this connection, with the key it gave for that (CancelRequest). No login is
 * needed, and no answer comes: whether it stopped is told on the connection itself.
 */
export function requestCancel(client: pg.ClientBase): void {
  const { processID, secretKey, host, port, ssl } = client as unknown as ClientInternals;
  const request = new pg.Connection({ ssl }) as pg.Connection & {
    connect(port: number | string, host?: string): void;
    requestSsl(): void;
    cancel(processID: number, secretKey: number): void;
  };
  request.on('error', () => undefined);
  const send = (): void => {
    request.cancel(processID, secretKey);
    request.end();
  };
  request.on('connect', () => {
    if (ssl) request.requestSsl();
    else send();
  });
  request.on('sslconnect', send);
  if (host.startsWith('/')) request.connect(`${host}/.s.PGSQL.${String(port)}`);
  else request.connect(port, host);
}

/** Cuts the connection at once. */
export function cut(client: pg.ClientBase): void {
  (client as unknown as ClientInternals).connection.stream.destroy();
}
