// Host and Origin: keeps pages that a browser shows from reaching the broker under a name of their own (DNS
// rebinding) or across sites. Clients that are not browsers send no Origin.
import type { IncomingMessage } from 'node:http';
import { validateHostHeader } from '@modelcontextprotocol/server';

export interface Names {
  /** Where clients reach the broker. */
  readonly publicUrl: string;
  /** Further host names it may be called by, without ports; IPv6 addresses in brackets. */
  readonly allowedHosts: readonly string[];
  /** Further origins whose pages may call it: scheme, host and port. */
  readonly allowedOrigins: readonly string[];
}

/** Gives the words of a refusal, or undefined when the request may go on. */
export function createGuard(names: Names): (request: IncomingMessage) => string | undefined {
  const { hostname, origin } = new URL(names.publicUrl);
  const hosts = [hostname, ...names.allowedHosts];
  const origins = new Set([origin, ...names.allowedOrigins]);
  return (request) => {
    if (!validateHostHeader(request.headers.host, hosts).ok) {
      return 'The Host header names a host that this broker does not serve. The operator can add it to `allowedHosts`.';
    }
    const claimed = request.headers.origin;
    if (claimed !== undefined && !origins.has(claimed)) {
      return 'Pages of this origin may not call this broker. The operator can add it to `allowedOrigins`.';
    }
    return undefined;
  };
}
