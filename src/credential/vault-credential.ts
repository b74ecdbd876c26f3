// The credential provider `vault`: dynamic database logins and KV v2 secrets of Vault or OpenBao, had through an AppRole.
// For each lease the AppRole signs in anew. What the token of that sign-in reads, ends with it: its accessor, which is no
// secret, is on record before anything is read, and ends both after a crash.
import { z } from 'zod';
import type { CredentialProvider, IssuedCredential, LeaseRequest } from '../core/credential.ts';
import { CredentialError } from '../core/errors.ts';
import type { Credential } from '../core/evidence.ts';
import { Secret } from '../core/secret.ts';
import { isSecuredAddress, SECURED_ADDRESS } from './secured-address.ts';
import { askVault, VaultError, type VaultServer } from './vault-client.ts';

/** In references: what comes before the accessor. A lease without one has read nothing. */
const ACCESSOR = 'accessor:';

const name = z
  .string()
  .regex(/^(?!\.+(\/|$))[\w.-]+(\/(?!\.+(\/|$))[\w.-]+)*$/, 'expected a path of names, without a slash at its ends');
const key = z.string().min(1);

const options = z
  .strictObject({
    address: z
      .url()
      .refine(isSecuredAddress, SECURED_ADDRESS)
      .describe('The server: https://HOST:PORT.')
      .meta({ examples: ['https://vault.example:8200'] }),
    namespace: name.optional().describe('The namespace that all of it is in.'),
    authMount: name.default('approle').describe('Where the AppRole method is mounted.'),
    roleId: key.describe('The role id of the AppRole.').meta({ examples: ['role'] }),
    secretId: z
      .string()
      .min(1)
      .meta({ examples: ['secret'] })
      .transform((value) => new Secret(value))
      .describe('A reference to its secret id.'),
    database: z
      .strictObject({
        role: name.describe('The role whose login each lease gets.'),
        mount: name.default('database').describe('Where the database engine is mounted.'),
      })
      .optional()
      .describe('A login made for the lease by a database engine.'),
    secret: z
      .strictObject({
        path: name.describe('The path of the secret below its mount.'),
        mount: name.default('secret').describe('Where the KV engine (version 2) is mounted.'),
        token: key.optional().describe('The key whose value is a bearer token or API key.'),
        user: key.optional().describe('The key whose value is the name to sign in with.'),
        password: key.optional().describe('The key whose value is its password.'),
      })
      .refine(({ token, user, password }) => {
        const login = user !== undefined && password !== undefined;
        return token === undefined ? login : user === undefined && password === undefined;
      }, 'expected `token`, or `user` and `password`: which keys of the secret are what')
      .optional()
      .describe('A secret of a KV engine.'),
  })
  .refine(
    ({ database, secret }) => (database === undefined) !== (secret === undefined),
    'expected `database` or `secret`: what a lease is to get',
  );

export type VaultOptions = z.output<typeof options>;

export const vaultProvider: CredentialProvider<VaultOptions> = {
  kind: 'vault',
  options,
  secrets: ['secretId'],

  inspect({ secret }, report) {
    if (secret === undefined) return;
    report.warning(
      { path: ['secret'] },
      'a secret of a KV engine is not made just in time: every lease reads the same one, which stays valid after it',
      'use a database engine, or another provider, where the backend allows it',
    );
  },

  reference: ({ id }) => `lease:${id}`,

  async issue(given, lease, _, signal) {
    const session = await VaultSession.open(given, signal);
    try {
      return given.database === undefined
        ? await readSecret(given, session, signal)
        : await readLogin(given.database, session, lease, signal);
    } catch (error) {
      await session.close().catch(() => undefined); // It ends by itself; what went wrong before is what must be told.
      throw error;
    }
  },

  async revoke(given, reference) {
    if (!reference.startsWith(ACCESSOR)) return;
    const session = await VaultSession.open(given);
    try {
      await session.ask('POST', 'auth/token/revoke-accessor', { accessor: reference.slice(ACCESSOR.length) });
    } catch (error) {
      // The token has ended before, and what it had read with it.
      if (!(error instanceof VaultError && /invalid accessor|not found/i.test(error.said))) throw error;
    } finally {
      await session.close();
    }
  },

  async examine(given, report, signal) {
    const place = { path: given.database === undefined ? ['secret'] : ['database'] };
    try {
      const plan = { id: 'check', backend: 'check', expiresAt: Date.now() + 10_000, inbound: undefined };
      const made = await this.issue(given, { ...plan, named: () => Promise.resolve() }, 'check', signal);
      await made.revoke?.();
      if (given.database === undefined) return;
      const session = await VaultSession.open(given, signal);
      const sweeps = await session.allows('auth/token/revoke-accessor');
      await session.close();
      if (sweeps) return;
      report.warning(
        place,
        'the policies of the AppRole do not allow "update" on auth/token/revoke-accessor: what a crash leaves lives on until its time is up',
        'allow it, or keep the ttl of the role and of its tokens short',
      );
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      report.error(
        error instanceof VaultError && error.message.includes('/login') ? { path: ['roleId'] } : place,
        error.detail,
      );
    }
  },
};

const login = z.object({
  auth: z.object({
    client_token: z.string().min(1),
    accessor: z.string().min(1),
    lease_duration: z.number().nonnegative(),
    renewable: z.boolean(),
  }),
});
const creds = z.object({
  lease_id: z.string().min(1),
  lease_duration: z.number().positive(),
  renewable: z.boolean(),
  data: z.object({ username: z.string().min(1), password: z.string().min(1) }),
});
const kv = z.object({ data: z.object({ data: z.record(z.string(), z.unknown()) }) });
const renewal = z.object({ lease_duration: z.number().nonnegative() });
const renewedToken = z.object({ auth: renewal });
const capabilities = z.object({ capabilities: z.array(z.string()) });

/** One sign-in of the AppRole. */
class VaultSession {
  readonly #server: VaultServer;
  readonly #token: Secret;
  readonly accessor: string;
  readonly renewable: boolean;
  /** When the token ends, as far as is known; in milliseconds since the Unix epoch. A token without an end ends with its lease. */
  endsAt: number;

  private constructor(server: VaultServer, { auth }: z.output<typeof login>, now: number) {
    this.#server = server;
    this.#token = new Secret(auth.client_token);
    this.accessor = auth.accessor;
    this.renewable = auth.renewable;
    this.endsAt = auth.lease_duration === 0 ? Infinity : now + auth.lease_duration * 1000;
  }

  static async open(given: VaultOptions, signal?: AbortSignal): Promise<VaultSession> {
    const { address, namespace, authMount, roleId, secretId } = given;
    const server = { address, namespace };
    const now = Date.now();
    const path = `auth/${authMount}/login`;
    const body = { role_id: roleId, secret_id: secretId.reveal() };
    const answer = await askVault(server, { method: 'POST', path, body, signal });
    return new VaultSession(server, shaped(login, answer, server, path), now);
  }

  async ask(
    method: 'GET' | 'POST',
    path: string,
    body?: Record<string, unknown>,
    signal?: AbortSignal,
  ): Promise<unknown> {
    return askVault(this.#server, { method, path, token: this.#token, ...(body && { body }), signal });
  }

  async read<Shape>(shape: z.ZodType<Shape>, path: string, signal?: AbortSignal): Promise<Shape> {
    return shaped(shape, await this.ask('GET', path, undefined, signal), this.#server, path);
  }

  async allows(path: string): Promise<boolean> {
    const found = await this.ask('POST', 'sys/capabilities-self', { paths: [path] });
    const known = shaped(capabilities, found, this.#server, 'sys/capabilities-self').capabilities;
    return known.includes('update') || known.includes('root');
  }

  /** Resolves with when token and lease end now, whichever is first. */
  async renew(leaseId: string, until: number, signal: AbortSignal): Promise<number> {
    const now = Date.now();
    const increment = Math.max(1, Math.ceil((until - now) / 1000));
    const token = this.renewable ? await this.ask('POST', 'auth/token/renew-self', { increment }, signal) : undefined;
    const lease = await this.ask('POST', 'sys/leases/renew', { lease_id: leaseId, increment }, signal);
    const leaseS = shaped(renewal, lease, this.#server, 'sys/leases/renew').lease_duration;
    const tokenS =
      token === undefined ? undefined : shaped(renewedToken, token, this.#server, 'auth/token/renew-self').auth;
    if (tokenS !== undefined) this.endsAt = now + tokenS.lease_duration * 1000;
    return Math.min(this.endsAt, now + leaseS * 1000);
  }

  /** Ends the token, and with it whatever it had read. */
  async close(): Promise<void> {
    try {
      await this.ask('POST', 'auth/token/revoke-self');
    } catch (error) {
      if (!(error instanceof VaultError && error.status === 403 && Date.now() >= this.endsAt)) throw error;
    }
  }

  /** The login is gone when this resolves: without `sync` the server only promises to see to it. */
  async revoke(leaseId: string): Promise<void> {
    try {
      await this.ask('POST', 'sys/leases/revoke', { lease_id: leaseId, sync: true });
    } catch (error) {
      // Not every policy allows that; every token may end itself, and its leases go with it.
      if (!(error instanceof VaultError && error.status === 403)) throw error;
    }
    await this.close();
  }
}

async function readLogin(
  { mount, role }: NonNullable<VaultOptions['database']>,
  session: VaultSession,
  lease: LeaseRequest,
  signal: AbortSignal,
): Promise<IssuedCredential> {
  const tokenEnds = Math.min(session.endsAt, Number.MAX_SAFE_INTEGER);
  await lease.named(ACCESSOR + session.accessor, tokenEnds);
  const now = Date.now();
  const {
    data,
    lease_id: leaseId,
    lease_duration: lifeS,
    renewable,
  } = await session.read(creds, `${mount}/creds/${role}`, signal);
  return {
    fields: { user: data.username, password: new Secret(data.password) },
    endsAt: Math.min(tokenEnds, now + lifeS * 1000),
    ...(renewable && { renew: (renewing: AbortSignal) => session.renew(leaseId, lease.expiresAt, renewing) }),
    async revoke() {
      await session.revoke(leaseId);
      return true;
    },
  };
}

/** The token has read all that the lease needs, so it ends at once. */
async function readSecret(given: VaultOptions, session: VaultSession, signal: AbortSignal): Promise<IssuedCredential> {
  const { path = '', mount = '', token, user, password } = given.secret ?? {};
  const { data } = (await session.read(kv, `${mount}/data/${path}`, signal)).data;
  await session.close();
  const value = (field: string): string => {
    const found = data[field];
    if (typeof found === 'string' && found !== '') return found;
    throw new CredentialError(
      'credential_unavailable',
      `${mount}/${path} at ${given.address} has no text under ${field}`,
    );
  };
  const fields: Credential = {
    ...(token === undefined ? {} : { token: new Secret(value(token)) }),
    ...(user === undefined || password === undefined
      ? {}
      : { user: value(user), password: new Secret(value(password)) }),
  };
  return { fields };
}

function shaped<Shape>(shape: z.ZodType<Shape>, answer: unknown, server: VaultServer, path: string): Shape {
  const { data } = shape.safeParse(answer);
  if (data !== undefined) return data;
  throw new CredentialError(
    'credential_unavailable',
    `${path} at ${server.address}: the answer is not what Vault gives`,
  );
}
