// Host and Origin: keeps pages that a browser shows from reaching the broker under a name of their own (DNS
// rebinding) or across sites. Clients that are not browsers send no Origin.
import type { IncomingMessage } from 'node:http';

export interface Names {
  /** Values of the Host header that are served: `host:port`, or `host` alone for the default port. */
  readonly allowedHosts: readonly string[];
  /** Origins whose pages may call: scheme, host and port. */
  readonly allowedOrigins: readonly string[];
}

/** Gives the words of a refusal, or undefined when the request may go on. */
export function createGuard(names: Names): (request: IncomingMessage) => string | undefined {
  const hosts = new Set(names.allowedHosts.map((host) => host.toLowerCase()));
  const origins = new Set(names.allowedOrigins);
  return ({ headers: { host, origin } }) => {
    if (host === undefined || !hosts.has(host.toLowerCase())) {
      return 'The Host header names no host that this broker serves. The operator can add it to `allowedHosts`.';
    }
    if (origin !== undefined && !origins.has(origin)) {
      return 'Pages of this origin may not call this broker. The operator can add it to `allowedOrigins`.';
    }
    return undefined;
  };
}
