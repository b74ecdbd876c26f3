// The library `sallyport/agents`: gives an OpenAI Agents SDK app the broker's tools as one MCP server.
import { randomUUID } from 'node:crypto';
import { getLogger, MCPServerStreamableHttp } from '@openai/agents';
import { checkOptions } from './agents-options.ts';
import type { CheckedOptions, SallyportOptions } from './agents-options.ts';
import { clientCredentialsToken } from './agents-token.ts';
import type { TokenSource } from './agents-token.ts';
import { wordsForFailure } from './agents-words.ts';
import { systemClock } from './core/clock.ts';

export type {
  BrokerOptions,
  ClientCredentialsOptions,
  OwnTokenOptions,
  SallyportOptions,
  SessionContext,
} from './agents-options.ts';

/** The Agents SDK waits five seconds for a connection or a list of tools, which a first token request can outlast. */
const CONNECT_TIMEOUT_S = 30;

/**
 * An MCP server for the `mcpServers` of an Agents SDK agent, speaking to a Sallyport broker. Nothing is sent before
 * `connect()`, which rejects when the broker cannot be reached or does not accept the token.
 *
 * Every request carries a fresh access token, and every call the session label. What the broker refuses reaches the
 * model as the broker's own words; when a call brings no answer at all, the model is told what is known about it and
 * whether to make it again, and the app's log is told why.
 *
 * The SDK's traces hold arguments and results unless the run is given `traceIncludeSensitiveData: false`.
 *
 * Throws a TypeError that names every wrong option.
 */
export function sallyport(options: SallyportOptions): MCPServerStreamableHttp {
  const checked = checkOptions(options);
  const { session = randomUUID(), timeoutMs } = checked;
  const logger = getLogger('openai-agents:sallyport');
  return new MCPServerStreamableHttp({
    name: 'sallyport',
    clientSessionTimeoutSeconds: CONNECT_TIMEOUT_S,
    errorFunction: ({ error }) => {
      logger.warn(`a call brought no answer: ${reason(error)}`);
      return wordsForFailure(error, timeoutMs);
    },
    ...checked.server,
    url: checked.url,
    authProvider: tokenSource(checked),
    timeout: timeoutMs,
    toolMetaResolver: (call) => ({ 'sallyport/session': typeof session === 'string' ? session : session(call) }),
  });
}

function tokenSource({ tokens }: CheckedOptions): TokenSource {
  if (typeof tokens === 'function') return { token: tokens, onUnauthorized: () => Promise.resolve() };
  return clientCredentialsToken(tokens, systemClock);
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
