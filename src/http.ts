// The HTTP app, on bare node:http. What happens to a POST /mcp, in order: route, Host and Origin, identity from the
// headers alone, body (bounded, strict), protocol. The token is not passed on.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { getOAuthProtectedResourceMetadataUrl } from '@modelcontextprotocol/server';
import type { Broker } from './core/broker.ts';
import { HEADERS_TIMEOUT_MS, IDLE_CONNECTION_MS, MAX_BODY_BYTES, MAX_HEADER_BYTES } from './core/limits.ts';
import { REQUEST_TIMEOUT_MS } from './core/limits.ts';
import type { Logger } from './core/logger.ts';
import type { Principal } from './core/principal.ts';
import { readJsonBody } from './http-body.ts';
import { createGuard, type Names } from './http-guard.ts';
import { PATIENCE, relay, sendJson, sendRpcError, type Patience } from './http-reply.ts';
import { createMcpHttp } from './mcp-http.ts';

export type Authentication =
  | { readonly principal: Principal }
  /** 401: no valid token. 403: a valid one that does not reach. 503: keys or issuer cannot be reached. */
  | { readonly status: 401 | 403 | 503; readonly words: string; readonly challenge: Challenge };

/** Parameters of `WWW-Authenticate: Bearer` beside `resource_metadata` (RFC 6750 §3); none where no token was sent. */
export type Challenge = Readonly<Record<string, string>>;

/** One thing that must hold for calls to be served. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
}

export interface HttpOptions extends Names {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly version: string;
  /** From the `Authorization` header alone. Never rejects. */
  authenticate(authorization: string | undefined): Promise<Authentication>;
  /** Issuers of the tokens that open /mcp. */
  readonly authorizationServers: readonly string[];
  readinessChecks(): readonly ReadinessCheck[] | Promise<readonly ReadinessCheck[]>;
  readonly patience?: Patience;
}

export interface HttpApp {
  readonly server: Server;
  /** Stops accepting, lets running requests finish for `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export function createHttpApp(options: HttpOptions): HttpApp {
  const { logger } = options;
  const patience = options.patience ?? PATIENCE;
  const resource = new URL('mcp', options.publicUrl.endsWith('/') ? options.publicUrl : `${options.publicUrl}/`);
  const metadataUrl = getOAuthProtectedResourceMetadataUrl(resource);
  const refusalOf = createGuard(options);
  const mcp = createMcpHttp(options);
  const securityHeaders = new Map([
    ['X-Content-Type-Options', 'nosniff'],
    ['Cache-Control', 'no-store'],
    ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
    ['Referrer-Policy', 'no-referrer'],
    ...(resource.protocol === 'https:' ? ([['Strict-Transport-Security', 'max-age=31536000']] as const) : []),
  ]);
  let closing = false;

  async function serveMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const identified = await options.authenticate(request.headers.authorization);
    if (!('principal' in identified)) {
      refuse(request, response, identified.status, identified.words, challengeHeaders(identified));
      return;
    }
    const identifyMs = performance.now() - startedAt;

    const gone = new AbortController();
    let delivered: (() => void) | undefined;
    response.once('finish', () => delivered?.());
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the caller went away'));
    });

    const body = await readJsonBody(request);
    if (body === undefined) return;
    if (!body.ok) {
      refuse(request, response, body.status, body.words, {}, body.code);
      return;
    }
    if (Array.isArray(body.value)) {
      refuse(request, response, 400, 'JSON-RPC batches are not accepted: send one message at a time.', {}, -32600);
      return;
    }
    const answer = mcp.answer(body.value, protocolHeaders(request), {
      principal: identified.principal,
      identifyMs,
      gone: gone.signal,
      onDelivered: (done) => (delivered = done),
    });
    await relay(answer, response, acceptsStream(request), patience);
  }

  function challengeHeaders(failure: { readonly status: number; readonly challenge: Challenge }): object {
    if (failure.status === 503) return { 'Retry-After': '5' };
    const parameters = Object.entries({ ...failure.challenge, resource_metadata: metadataUrl });
    return { 'WWW-Authenticate': `Bearer ${parameters.map(([name, value]) => `${name}="${value}"`).join(', ')}` };
  }

  const serveMetadata: Handler = (_request, response) => {
    sendJson(response, 200, {
      resource: resource.href,
      authorization_servers: options.authorizationServers,
      bearer_methods_supported: ['header'],
      resource_name: 'Sallyport',
    });
  };

  const serveAlive: Handler = (_request, response) => {
    sendJson(response, 200, { status: 'ok' });
  };

  const serveReady: Handler = async (_request, response) => {
    const checks = [...(await options.readinessChecks()), { name: 'accepting', ok: !closing }];
    const ready = checks.every((check) => check.ok);
    const results = Object.fromEntries(checks.map((check) => [check.name, check.ok ? 'ok' : 'failing']));
    sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks: results });
  };

  /** `guarded` is left out for what a load balancer asks by address, and what says nothing worth guarding. */
  const routes = new Map<string, { readonly methods: readonly string[]; readonly guarded: boolean; handle: Handler }>([
    ['/mcp', { methods: ['POST'], guarded: true, handle: serveMcp }],
    ['/.well-known/oauth-protected-resource', { methods: ['GET', 'HEAD'], guarded: true, handle: serveMetadata }],
    [new URL(metadataUrl).pathname, { methods: ['GET', 'HEAD'], guarded: true, handle: serveMetadata }],
    ['/healthz', { methods: ['GET', 'HEAD'], guarded: false, handle: serveAlive }],
    ['/readyz', { methods: ['GET', 'HEAD'], guarded: false, handle: serveReady }],
  ]);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeaders(securityHeaders);
    if (closing) response.setHeader('Connection', 'close');
    const route = routes.get(request.url?.split('?', 1)[0] ?? '');
    if (route === undefined) {
      refuse(request, response, 404, 'There is nothing here. MCP is served at /mcp.');
      return;
    }
    const refusal = route.guarded ? refusalOf(request) : undefined;
    if (refusal !== undefined) {
      refuse(request, response, 403, refusal);
      return;
    }
    if (!route.methods.includes(request.method ?? '')) {
      refuse(request, response, 405, 'This method is not allowed here.', { Allow: route.methods.join(', ') });
      return;
    }
    await route.handle(request, response);
  }

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: IDLE_CONNECTION_MS,
    },
    (request, response) => {
      serve(request, response).catch((error: unknown) => {
        logger.error({ error, path: request.url }, 'an HTTP request failed');
        if (response.headersSent) response.destroy();
        else sendRpcError(response, 500, { code: -32603, message: 'The broker failed.' });
      });
    },
  );

  return {
    server,
    async close(graceMs) {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const grace = setTimeout(() => {
        void mcp.close();
        server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(grace);
      await mcp.close();
    },
  };
}

/** In JSON-RPC's shape, because MCP clients show nothing else. A body that is too long to be skipped ends the connection. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
  headers: object = {},
  code = -32000,
): void {
  const length = request.headers['content-length'] ?? (request.headers['transfer-encoding'] === undefined ? '0' : NaN);
  const skippable = Number(length) <= MAX_BODY_BYTES;
  sendRpcError(response, status, { code, message }, { ...headers, ...(skippable ? {} : { Connection: 'close' }) });
}

/** Those that the protocol gives a meaning, and no other: neither token nor cookie goes any further. */
function protocolHeaders(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    const meant = name === 'accept' || name === 'content-type' || name.startsWith('mcp-');
    if (meant && value !== undefined) headers.set(name, String(value));
  }
  return headers;
}

function acceptsStream(request: IncomingMessage): boolean {
  return request.headers.accept?.includes('text/event-stream') === true;
}
