// The credential provider `postgres-role`: a login role made for the lease, and dropped after it.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { z } from 'zod';
import type { CredentialProvider, LeasePlan } from '../core/credential.ts';
import { untilAborted } from '../core/deadline.ts';
import { CredentialError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { PostgresAdmins } from './postgres-admin.ts';
import { examineAdmin } from './postgres-admin-grants.ts';
import { leftoverRoles, revokeRole } from './postgres-role-revocation.ts';
import { scramVerifier } from './scram-verifier.ts';

const DEFAULT_CONNECTION_LIMIT = 8;
const PASSWORD_BYTES = 24;
/** What Postgres keeps of a name; the rest it drops without an error. */
const MAX_ROLE_NAME_BYTES = 63;

const options = z.strictObject({
  admin: z
    .string()
    .refine(isAdminUrl, 'expected a URL with a login: postgres://LOGIN:PASSWORD@HOST/DATABASE')
    .transform((url) => new Secret(url))
    .describe('URL of the login that may create roles. No tool ever sees it.'),
  memberOf: z
    .array(z.string().min(1).max(MAX_ROLE_NAME_BYTES))
    .min(1)
    .describe('The group roles that hold what a lease may do.'),
  connectionLimit: z
    .int()
    .min(1)
    .max(100)
    .default(DEFAULT_CONNECTION_LIMIT)
    .describe('How many connections one lease may open.'),
});

export type PostgresRoleOptions = z.output<typeof options>;

type PostgresRoleProvider = CredentialProvider<PostgresRoleOptions> &
  Required<Pick<CredentialProvider<PostgresRoleOptions>, 'revoke'>>;

/**
 * @param deployment names the deployment whose roles these are, in lower case letters, digits and `_`: a broker touches
 *   no role of another one.
 */
export function postgresRoleProvider(deployment: string): PostgresRoleProvider & AsyncDisposable {
  const prefix = `sallyport_${deployment}_`;
  if (!/^[a-z0-9_]{1,20}$/.test(deployment)) throw new TypeError('a deployment is named by 1 to 20 of a-z, 0-9 and _');
  const admins = new PostgresAdmins();

  return {
    kind: 'postgres-role',
    options,

    reference: (lease: LeasePlan) => prefix + lease.id.replaceAll('-', ''),

    async issue({ admin, memberOf, connectionLimit }, lease, role, signal) {
      signal.throwIfAborted();
      const password = randomBytes(PASSWORD_BYTES).toString('base64url');
      const verifier = await scramVerifier(password);
      const groups = memberOf.map((group) => pg.escapeIdentifier(group));
      const name = pg.escapeIdentifier(role);
      // One round trip, one implicit transaction: the role is there as a whole or not at all.
      // It is not abandoned half-way (the pool has its own timeouts): what revokes it must come after it.
      await admins.use(admin, (client) =>
        client.query(
          `create role ${name} login inherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls
             connection limit ${String(connectionLimit)} password ${pg.escapeLiteral(verifier)}
             valid until ${pg.escapeLiteral(new Date(lease.expiresAt).toISOString())} in role ${groups.join(', ')};
           ${groups.length === 1 ? ownedByGroup(name, groups) : ''}`,
        ),
      );
      const fields = { user: role, password: new Secret(password), connectionLimit: String(connectionLimit) };
      return { fields };
    },

    async revoke({ admin }, role) {
      if (!role.startsWith(prefix)) {
        throw new CredentialError('credential_unavailable', `role ${role} is not of this deployment (${prefix}…)`);
      }
      await admins.use(admin, (client) => revokeRole(client, role));
    },

    leftovers: ({ admin }) => admins.use(admin, (client) => leftoverRoles(client, prefix)),

    async examine({ admin, memberOf }, report, signal) {
      try {
        await untilAborted(
          admins.use(admin, (client) => examineAdmin(client, memberOf, report)),
          signal,
        );
      } catch (error) {
        if (!(error instanceof CredentialError)) throw error;
        report.error({ path: ['credential', 'admin'] }, error.detail);
      }
    },

    [Symbol.asyncDispose]: () => admins[Symbol.asyncDispose](),
  };
}

/** What a lease makes is its group's: a role that owns something could not be dropped. */
function ownedByGroup(name: string, groups: readonly string[]): string {
  return `alter role ${name} set role to ${groups.join('')}`;
}

function isAdminUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const postgres = url.protocol === 'postgres:' || url.protocol === 'postgresql:';
  return postgres && url.username !== '' && url.hostname !== '' && url.pathname.length > 1;
}
