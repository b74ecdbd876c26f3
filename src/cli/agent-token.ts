// Where `sallyport stdio` gets its agent's access token from: the environment says which of three ways. The token is
// verified like any other. Effectful: reads a file, or asks the issuer.
import { readFile } from 'node:fs/promises';
import { clientCredentialsToken } from '../agents-token.ts';
import type { Clock } from '../core/clock.ts';
import { UsageError } from './terminal.ts';

export interface AgentToken {
  /**
   * The Authorization header of a call that is made now. Rejects with an Error that names the variable, and what is
   * wrong with what it leads to; never with a token or secret. The next call tries again.
   */
  authorization(): Promise<string>;
  /** The token was refused: one that was had from the issuer is not used again. */
  refused(): Promise<void>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const WAYS = ['SALLYPORT_TOKEN', 'SALLYPORT_TOKEN_FILE', 'SALLYPORT_CLIENT_ID'] as const;
const AUTHENTICATIONS = ['client_secret_basic', 'client_secret_post'] as const;

/**
 * Nothing is read or asked yet. Throws UsageError, which says what to set, where the environment names no way, or several.
 *
 * @param issuers the broker's own; a client's token is asked of SALLYPORT_TOKEN_ISSUER, or of the only one
 */
export function agentToken(
  env: Environment,
  issuers: readonly { readonly issuer: string; readonly audience: string }[],
  clock: Clock,
): AgentToken {
  const given = WAYS.filter((name) => value(env, name) !== undefined);
  const [way, other] = given;
  if (other !== undefined) {
    throw new UsageError(`${given.join(' and ')} are set, and an agent has one token.`, 'Unset all but one of them.');
  }
  switch (way) {
    case 'SALLYPORT_TOKEN':
      return fixed(required(env, way));
    case 'SALLYPORT_TOKEN_FILE':
      return fromFile(required(env, way));
    case 'SALLYPORT_CLIENT_ID':
      return fromIssuer(required(env, way), env, issuers, clock);
    default:
      throw new UsageError(
        'The agent has no access token.',
        'Set SALLYPORT_TOKEN, or SALLYPORT_TOKEN_FILE (read again for every call), or SALLYPORT_CLIENT_ID and SALLYPORT_CLIENT_SECRET.',
      );
  }
}

function fixed(token: string): AgentToken {
  return { authorization: () => Promise.resolve(`Bearer ${token}`), refused: () => Promise.resolve() };
}

/** Read for every call, so that whoever renews the token need not tell. */
function fromFile(path: string): AgentToken {
  return {
    async authorization() {
      const token = await readFile(path, 'utf8').catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
        throw new Error(`SALLYPORT_TOKEN_FILE: ${path} cannot be read (${code})`, { cause: error });
      });
      if (token.trim() === '') throw new Error(`SALLYPORT_TOKEN_FILE: ${path} is empty`);
      return `Bearer ${token.trim()}`;
    },
    refused: () => Promise.resolve(),
  };
}

/** Client credentials (RFC 6749, section 4.4), for the resource that the broker is (RFC 8707) unless parameters say otherwise. */
function fromIssuer(
  clientId: string,
  env: Environment,
  issuers: readonly { readonly issuer: string; readonly audience: string }[],
  clock: Clock,
): AgentToken {
  const named = value(env, 'SALLYPORT_TOKEN_ISSUER') ?? (issuers.length === 1 ? issuers[0]?.issuer : undefined);
  const listed = issuers.map(({ issuer }) => issuer).join(', ');
  if (named === undefined) {
    throw new UsageError('It is not clear whom to ask for a token.', `Set SALLYPORT_TOKEN_ISSUER to one of ${listed}.`);
  }
  const issuer = issuers.find((candidate) => candidate.issuer === named);
  if (issuer === undefined) {
    throw new UsageError('SALLYPORT_TOKEN_ISSUER is no issuer that this broker trusts.', `Set it to one of ${listed}.`);
  }
  const authentication = value(env, 'SALLYPORT_CLIENT_AUTHENTICATION') ?? 'client_secret_basic';
  const clientAuthentication = AUTHENTICATIONS.find((method) => method === authentication);
  if (clientAuthentication === undefined) {
    throw new UsageError(
      'SALLYPORT_CLIENT_AUTHENTICATION is not a method of client authentication.',
      `Set it to ${AUTHENTICATIONS.join(' or ')}, or leave it out.`,
    );
  }
  const parameters = value(env, 'SALLYPORT_TOKEN_PARAMETERS');
  const source = clientCredentialsToken(
    {
      server: { issuer: new URL(issuer.issuer) },
      clientId,
      clientSecret: required(env, 'SALLYPORT_CLIENT_SECRET', 'It goes with SALLYPORT_CLIENT_ID.'),
      clientAuthentication,
      parameters:
        parameters === undefined
          ? { resource: issuer.audience }
          : Object.fromEntries(new URLSearchParams(parameters).entries()),
    },
    clock,
  );
  return {
    authorization: async () => `Bearer ${await source.token()}`,
    refused: () => source.onUnauthorized(),
  };
}

/** A variable that is set to nothing counts as not set, as shells and container files leave many behind. */
function value(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === '' ? undefined : text;
}

function required(env: Environment, name: string, why?: string): string {
  const text = value(env, name);
  if (text === undefined) throw new UsageError(`${name} is not set.`, why);
  return text;
}
