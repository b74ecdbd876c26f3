// What an upstream offers now, asked once. For `sallyport pin` and `check --connect`.
import type { Credential } from '../../src/core/evidence.ts';
import { BackendError } from '../../src/core/errors.ts';
import { UpstreamConnection, type UpstreamTransport } from './connection.ts';
import type { McpBackend } from './mcp-backend.ts';
import { connectFailure } from './mcp-call.ts';
import { WatchedStdioTransport } from './stdio-transport.ts';
import type { LiveDefinition } from './tool-definition.ts';
import { transportTo } from './upstream.ts';

/** Why it could not be asked; for operators. */
export class UpstreamUnavailable extends Error {
  override readonly name = 'UpstreamUnavailable';
  /** The last that a child wrote there: it may hold what the child was given. */
  readonly stderr: string;

  constructor(why: string, stderr: string, cause: unknown) {
    super(why, { cause });
    this.stderr = stderr;
  }
}

/** Throws UpstreamUnavailable, and BackendError where the credential does not fit. The connection is closed when it resolves. */
export async function offeredBy(
  backend: McpBackend,
  credential: Credential,
  signal: AbortSignal,
): Promise<readonly LiveDefinition[]> {
  let transport: UpstreamTransport | undefined;
  try {
    const connection = await UpstreamConnection.open(() => (transport = transportTo(backend, credential)), signal);
    await connection.close();
    return connection.live;
  } catch (error) {
    if (error instanceof BackendError) throw error;
    const stderr = transport instanceof WatchedStdioTransport ? transport.stderr : '';
    throw new UpstreamUnavailable(connectFailure(error), stderr, error);
  }
}
