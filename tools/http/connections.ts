// The connections of one lease to one backend: a keep-alive pool that is closed when the lease ends.
import { isIP } from 'node:net';
import type { Pool } from 'undici';
import { BackendError } from '../../src/core/errors.ts';
import type { Lease } from '../../src/core/evidence.ts';
import { guardedLookup, isReachable, UnreachableAddress, type Resolve } from './addresses.ts';
import type { HttpBackend } from './http-backend.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_MS = 60_000;
/** Of one lease: an agent has few calls under way at a time. */
const MAX_CONNECTIONS = 16;
/** All headers of an answer. */
const MAX_HEADER_BYTES = 32_768;

const pools = new WeakMap<Lease, Map<string, Pool>>();

/** The pool of the lease for a backend; made when it is first asked for. Throws BackendError where the lease has ended. */
export async function poolOf(lease: Lease, name: string, backend: HttpBackend, resolve: Resolve): Promise<Pool> {
  const library = await loaded();
  let own = pools.get(lease);
  if (own === undefined) pools.set(lease, (own = new Map<string, Pool>()));
  let pool = own.get(name);
  if (pool === undefined) {
    if (lease.resources.disposed) throw new BackendError('cancelled', 'the lease has ended');
    const opened = (pool = openPool(library, backend, resolve));
    own.set(name, opened);
    lease.resources.defer(() => opened.destroy());
  }
  return pool;
}

interface Undici {
  readonly Pool: typeof Pool;
}

/** Loaded with the first call: a broker without HTTP backends starts sooner, and in less memory. */
export function loaded(): Promise<Undici> {
  return import('undici');
}

/** Throws UnreachableAddress for an address that is not declared; a name is looked up when it is connected to. */
export function openPool({ Pool }: Undici, { url, privateAddresses }: HttpBackend, resolve: Resolve): Pool {
  const { origin, hostname } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) !== 0 && !isReachable(address, privateAddresses)) throw new UnreachableAddress(address, address);
  return new Pool(origin, {
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: IDLE_MS,
    // The deadline of the call ends what takes too long, wherever it is.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup(privateAddresses, resolve) },
  });
}
