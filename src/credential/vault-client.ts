// The HTTP API of Vault and OpenBao, as far as leases need it. Effectful: asks the server. Used by vault-credential.ts alone.
// https://developer.hashicorp.com/vault/api-docs and https://openbao.org/api-docs
import { z } from 'zod';
import { connectionProblem } from '../core/connection-problem.ts';
import { CredentialError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { Secret } from '../core/secret.ts';

const REQUEST_TIMEOUT_MS = 3_000;
const MAX_ANSWER_BYTES = 1_048_576;
const MAX_SAID_CHARS = 300;

export interface VaultServer {
  readonly address: string;
  readonly namespace?: string | undefined;
}

export interface VaultRequest {
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`, from the server's root: no part of it comes from a call. */
  readonly path: string;
  readonly token?: Secret;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal | undefined;
}

/** The server did not do what it was asked. `said` is for the operator: what it answered, and what to do about it. */
export class VaultError extends CredentialError {
  /** 0 where there was no answer. */
  readonly status: number;
  readonly said: string;

  constructor(server: VaultServer, { method, path }: VaultRequest, status: number, said: string, fix?: string) {
    const where = server.namespace === undefined ? '' : ` in namespace ${server.namespace}`;
    const answer = status === 0 ? said : `status ${status}${said === '' ? '' : `, ${said}`}`;
    super(
      'credential_unavailable',
      `${method} ${path}${where} at ${server.address}: ${answer}${fix === undefined ? '' : ` (${fix})`}`,
    );
    this.status = status;
    this.said = said;
  }
}

/** Throws VaultError. An answer without a body gives undefined. */
export async function askVault(server: VaultServer, request: VaultRequest): Promise<unknown> {
  const { method, path, token, body, signal } = request;
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  let status: number;
  let text: string;
  try {
    const response = await fetch(new URL(`/v1/${path}`, server.address), {
      method,
      // A standby node points to the active one; the token is sent to the address that was declared and to no other.
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      headers: {
        'X-Vault-Request': 'true',
        ...(server.namespace === undefined ? {} : { 'X-Vault-Namespace': server.namespace }),
        ...(token === undefined ? {} : { 'X-Vault-Token': token.reveal() }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    status = response.status;
    text = await bounded(response);
  } catch (error) {
    const root = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const late = timeout.aborted ? `no answer within ${REQUEST_TIMEOUT_MS} ms` : undefined;
    const said = late ?? (root instanceof Error ? root.message : 'the request failed');
    throw new VaultError(server, request, 0, said, connectionProblem(root));
  }
  if (status >= 300) {
    const said = errorsIn(text);
    throw new VaultError(server, request, status, said, fixFor(status, said, request));
  }
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new VaultError(server, request, status, 'the answer is not JSON', 'is this the address of a Vault server?');
  }
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const errorsShape = z.object({ errors: z.array(z.string()) });

function errorsIn(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return '';
  }
  const { data } = errorsShape.safeParse(parsed);
  const said = data?.errors.map((error) => error.replaceAll(/\s+/g, ' ').trim()).join('; ') ?? '';
  return printable(said).slice(0, MAX_SAID_CHARS);
}

function fixFor(status: number, said: string, { method, path }: VaultRequest): string | undefined {
  if (/sealed/i.test(said)) return 'the server is sealed: unseal it';
  if (path.endsWith('/login') && status >= 400 && status < 500) {
    return 'are roleId, secretId, authMount and namespace right, and is the secret id neither used up nor expired?';
  }
  if (status === 403) {
    return `the policies of the AppRole must allow "${method === 'GET' ? 'read' : 'update'}" on ${path}`;
  }
  if (status === 404) return 'nothing is there: are mount, name and namespace right?';
  if (status >= 300 && status < 400)
    return 'this node is a standby: give the address of the active one, or of a load balancer';
  if (status === 429 || status === 472 || status === 473) return 'this node cannot serve now: standby, or over a quota';
  if (status === 503) return 'the server is sealed, or in maintenance';
  return undefined;
}
