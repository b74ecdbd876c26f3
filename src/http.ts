// The HTTP app, on bare node:http. What happens to a POST /mcp, in order: route, Host and Origin, identity from the
// headers alone, body (bounded, strict), protocol. The token is passed to the credential door alone.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Broker } from './core/broker.ts';
import type { Cancellations } from './core/cancellations.ts';
import {
  HEADERS_TIMEOUT_MS,
  IDLE_CONNECTION_MS,
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
  REQUEST_TIMEOUT_MS,
} from './core/limits.ts';
import type { Logger } from './core/logger.ts';
import { createHttpApi, type HttpApiOptions } from './http-api.ts';
import { createHttpConsole, type HttpConsoleOptions } from './http-console.ts';
import { createHttpSlack, type SlackSide } from './http-slack.ts';
import { readJsonBody } from './http-body.ts';
import { createGuard, type Names } from './http-guard.ts';
import { PATIENCE, relay, sendJson, sendRpcError, type Patience } from './http-reply.ts';
import type { Authenticator, TrustedIssuer } from './identity/authenticate.ts';
import { challenge } from './identity/challenge.ts';
import {
  peopleResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
} from './identity/protected-resource.ts';
import { createMcpHttp } from './mcp-http.ts';
import type { Waits } from './mcp.ts';

/** One thing that must hold for calls to be served. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
}

export interface HttpOptions extends Names {
  /** Where clients reach the broker: an origin. */
  readonly publicUrl: string;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly version: string;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** Whose tokens open /mcp. */
  readonly issuers: readonly Pick<TrustedIssuer, 'issuer' | 'requiredScopes'>[];
  /** The people's side; left out where nobody can sign in. */
  readonly people?: PeopleSide | undefined;
  /** Left out where nobody decides in Slack. */
  readonly slack?: SlackSide | undefined;
  readinessChecks(): readonly ReadinessCheck[] | Promise<readonly ReadinessCheck[]>;
  /** What the broker has counted, as Prometheus reads it. */
  metricsText(): string;
  readonly patience?: Patience;
  readonly waits?: Waits | undefined;
  /** How brokers of one store tell each other of cancellations; left out where there is only this one. */
  readonly cancellations?: Cancellations | undefined;
  /** See src/mcp.ts. */
  readonly agentPatienceMs?: Readonly<Record<string, number>>;
}

export interface PeopleSide extends Omit<HttpApiOptions, 'publicUrl' | 'version'> {
  readonly issuer: string;
  readonly clientId: string;
  readonly console: Omit<HttpConsoleOptions, 'publicUrl' | 'desk' | 'operators' | 'isBlocked' | 'logger'>;
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
  const resource = `${options.publicUrl}/mcp`;
  const metadata = protectedResourceMetadata(resource, options.issuers);
  const metadataUrl = protectedResourceMetadataUrl(resource);
  const refusalOf = createGuard(options);
  const mcp = createMcpHttp(options);
  const securityHeaders = new Map([
    ['X-Content-Type-Options', 'nosniff'],
    ['Cache-Control', 'no-store'],
    ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
    ['Referrer-Policy', 'no-referrer'],
    ...(resource.startsWith('https:') ? ([['Strict-Transport-Security', 'max-age=31536000']] as const) : []),
  ]);
  let closing = false;

  async function serveMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const identified = await options.authenticator.authenticate(request.headers.authorization);
    if ('failure' in identified) {
      const { status, wwwAuthenticate, retryAfterS, body } = challenge(
        identified,
        metadataUrl,
        metadata.scopes_supported,
      );
      if (wwwAuthenticate !== undefined) response.setHeader('WWW-Authenticate', wwwAuthenticate);
      if (retryAfterS !== undefined) response.setHeader('Retry-After', retryAfterS);
      refuse(request, response, status, body.error_description);
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
      refuse(request, response, body.status, body.words, body.code);
      return;
    }
    if (Array.isArray(body.value)) {
      refuse(request, response, 400, 'JSON-RPC batches are not accepted: send one message at a time.', -32600);
      return;
    }
    const answer = (ahead: ((message: object) => void) | undefined) =>
      mcp.answer(body.value, request.headers, {
        notify: ahead && ((notification) => ahead({ jsonrpc: '2.0', ...notification })),
        principal: identified.principal,
        inbound: identified.inbound,
        identifyMs,
        gone: gone.signal,
        onDelivered: (done) => (delivered = done),
      });
    await relay(answer, response, acceptsStream(request), patience);
  }

  const serveMetadata: Handler = (_request, response) => {
    sendJson(response, 200, metadata);
  };

  const serveAlive: Handler = (_request, response) => {
    sendJson(response, 200, { status: 'ok' });
  };

  const serveReady: Handler = async (_request, response) => {
    const checks = await options.readinessChecks();
    const ready = checks.every((check) => check.ok);
    const results = Object.fromEntries(checks.map((check) => [check.name, check.ok ? 'ok' : 'failing']));
    sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks: results });
  };

  const serveMetrics: Handler = (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(options.metricsText());
  };

  /** `guarded` is left out for what a load balancer asks by address, and what says nothing worth guarding. */
  const routes = new Map<string, { readonly methods: readonly string[]; readonly guarded: boolean; handle: Handler }>([
    ['/mcp', { methods: ['POST'], guarded: true, handle: serveMcp }],
    ['/.well-known/oauth-protected-resource', { methods: ['GET', 'HEAD'], guarded: true, handle: serveMetadata }],
    [new URL(metadataUrl).pathname, { methods: ['GET', 'HEAD'], guarded: true, handle: serveMetadata }],
    ['/healthz', { methods: ['GET', 'HEAD'], guarded: false, handle: serveAlive }],
    ['/readyz', { methods: ['GET', 'HEAD'], guarded: false, handle: serveReady }],
    ['/metrics', { methods: ['GET', 'HEAD'], guarded: false, handle: serveMetrics }],
  ]);

  const { people, publicUrl } = options;
  const api = people && createHttpApi({ ...people, publicUrl, version: options.version });
  const pages =
    people &&
    createHttpConsole({
      ...people.console,
      desk: people.desk,
      operators: people.operators,
      isBlocked: people.isBlocked,
      publicUrl,
      logger,
    });
  if (people !== undefined) {
    const document = peopleResourceMetadata(`${publicUrl}/api`, people);
    const { pathname } = new URL(protectedResourceMetadataUrl(document.resource));
    const handle: Handler = (_request, response) => sendJson(response, 200, document);
    routes.set(pathname, { methods: ['GET', 'HEAD'], guarded: true, handle });
  }

  if (options.slack !== undefined) {
    // Signed, and called by Slack's servers under whatever name leads here.
    routes.set('/hooks/slack', { methods: ['POST'], guarded: false, handle: createHttpSlack(options.slack) });
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeaders(securityHeaders);
    response.once('close', () => {
      // Node closes the connections that are idle when `close` is called, and leaves the others open afterwards.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    const path = request.url?.split('?', 1)[0] ?? '';
    const mount = path.startsWith('/api/') ? api : /^\/console(\/|$)/.test(path) ? pages : undefined;
    if (mount !== undefined) {
      await mount(request, response, refusalOf(request));
      return;
    }
    const route = routes.get(path);
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
      response.setHeader('Allow', route.methods.join(', '));
      refuse(request, response, 405, 'This method is not allowed here.');
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
        // Without the query: it may hold the code of a sign-in.
        logger.error({ err: error, path: request.url?.split('?', 1)[0] }, 'an HTTP request failed');
        if (response.headersSent) response.destroy();
        else sendRpcError(response, 500, { code: -32603, message: 'The broker failed.' });
      });
    },
  );

  return {
    server,
    async close(graceMs) {
      closing = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
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

/** In JSON-RPC's shape, because MCP clients show nothing else. A body too long to be skipped ends the connection. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
  code = -32000,
): void {
  const { 'content-length': length = '0', 'transfer-encoding': chunked } = request.headers;
  if (chunked !== undefined || Number(length) > MAX_BODY_BYTES) response.setHeader('Connection', 'close');
  sendRpcError(response, status, { code, message });
}

function acceptsStream(request: IncomingMessage): boolean {
  return request.headers.accept?.includes('text/event-stream') === true;
}
