// The HTTP app over a broker double, on a free port, with tokens that are plain words.
import type { Broker } from '../../src/core/broker.ts';
import type { Logger } from '../../src/core/logger.ts';
import { Principal } from '../../src/core/principal.ts';
import type { AuthResult } from '../../src/identity/authenticate.ts';
import { createHttpApp, type HttpApp, type HttpOptions } from '../../src/http.ts';
import { freePort } from '../../src/demo/free-port.ts';

export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export function principalNamed(subject: string): Principal {
  return Principal.verified({
    issuer: 'https://issuer.example',
    subject,
    actor: 'agent',
    groups: ['support'],
    scopes: [],
    claims: {},
    expiresAt: Date.now() + 3_600_000,
  });
}

export interface HttpEdge extends AsyncDisposable {
  readonly app: HttpApp;
  readonly url: URL;
  readonly port: number;
}

/** `Bearer token-of-<name>` is <name>; `Bearer of-no-reach` gets 403; `Bearer nobody-knows` gets 503; all else 401. */
export async function startHttpEdge(broker: Broker, more: Partial<HttpOptions> = {}): Promise<HttpEdge> {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${String(port)}`;
  const app = createHttpApp({
    broker,
    logger: silent,
    version: '0.0.0',
    publicUrl,
    allowedHosts: [`127.0.0.1:${String(port)}`, 'localhost'],
    allowedOrigins: [publicUrl, 'https://console.example'],
    issuers: [{ issuer: 'https://issuer.example' }],
    readinessChecks: () => [{ name: 'store', ok: true }],
    metricsText: () => '',
    authenticator: { authenticate: (authorization) => Promise.resolve(whoIs(authorization)) },
    ...more,
  });
  await new Promise<void>((resolve) => app.server.listen(port, '127.0.0.1', resolve));
  return {
    app,
    port,
    url: new URL(`${publicUrl}/mcp`),
    [Symbol.asyncDispose]: () => app.close(0),
  };
}

function whoIs(authorization: string | undefined): AuthResult {
  if (authorization === undefined) return { failure: 'missing' };
  const name = /^Bearer token-of-(\w+)$/.exec(authorization)?.[1];
  if (name !== undefined) return { principal: principalNamed(name) };
  if (authorization === 'Bearer of-no-reach') return { failure: 'insufficient_scope' };
  if (authorization === 'Bearer nobody-knows') return { failure: 'keys_unavailable' };
  return { failure: 'bad_signature' };
}
