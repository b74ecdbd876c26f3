// Which broker the commands for people speak to, and at which issuer they sign in for it (RFC 9728). Effectful.
import type { Command } from 'commander';
import { z } from 'zod';
import * as oauth from 'openid-client';
import { Secret } from '../core/secret.ts';
import { discoverPeopleIssuer } from '../identity/people-client.ts';
import { protectedResourceMetadataUrl } from '../identity/protected-resource.ts';
import { UsageError } from './terminal.ts';

export interface PeopleOptions {
  readonly data: string;
  readonly url?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:8931';
const TIMEOUT_MS = 10_000;

const metadataSchema = z.object({
  resource: z.string(),
  authorization_servers: z.tuple([z.url()]),
  sallyport_client_id: z.string(),
});

export function withBroker(command: Command): Command {
  return command
    .option(
      '--url <address>',
      `where the broker is (default: that of SALLYPORT_URL, else of the last login, else ${DEFAULT_URL})`,
    )
    .option('--data <dir>', 'directory that keeps the login', '.sallyport');
}

/** The broker's origin. Throws UsageError for an address that a token must not be sent to. */
export function brokerOrigin(given: string | undefined, lastLogin?: string): string {
  const text = given ?? process.env['SALLYPORT_URL'] ?? lastLogin ?? DEFAULT_URL;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLoopback)) {
    throw new UsageError(
      `${text} is no address of a broker`,
      'Give its https address with --url; http serves on loopback alone.',
    );
  }
  return url.origin;
}

export interface BrokerLogin {
  readonly issuer: string;
  readonly clientId: string;
  /** What tokens are for. */
  readonly resource: string;
  readonly client: oauth.Configuration;
}

/** Asks the broker where its people sign in, and that issuer for the rest. Throws UsageError where either cannot be reached. */
export async function loginAt(origin: string): Promise<BrokerLogin> {
  const resource = `${origin}/api`;
  const response = await askBroker(protectedResourceMetadataUrl(resource), {});
  const parsed = metadataSchema.safeParse(await response.json().catch(() => undefined));
  if (!response.ok || !parsed.success || parsed.data.resource !== resource) {
    throw new UsageError(
      `${origin} does not say where its people sign in`,
      'Check the address; the operator sets it up with `people` in sallyport.yaml, for the `publicUrl` it is reached by.',
    );
  }
  const { authorization_servers: [issuer], sallyport_client_id: clientId } = parsed.data; // prettier-ignore
  const secret = process.env['SALLYPORT_CLIENT_SECRET'];
  try {
    const client = await discoverPeopleIssuer({
      issuer: brokerIssuer(issuer),
      clientId,
      clientSecret: secret === undefined ? undefined : new Secret(secret),
      clientAuthentication: 'client_secret_basic',
    });
    return { issuer, clientId, resource, client };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${issuer}, where people sign in, cannot be reached: ${reasonOf(error)}`);
  }
}

/** What any request to a broker has in common: it is not waited for without end, and a wrong address is said to be one. */
export async function askBroker(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const { origin } = new URL(url);
    throw new UsageError(`no broker answers at ${origin}: ${reasonOf(error)}`, 'Start it, or name another with --url.');
  }
}

/** An issuer must be as safe to speak to as the broker itself. */
function brokerIssuer(issuer: string): string {
  brokerOrigin(issuer);
  return issuer;
}

export function reasonOf(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError)
    return [error.error, error.error_description].filter(Boolean).join(': ');
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
