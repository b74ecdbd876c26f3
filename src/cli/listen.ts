// Puts an open broker on its address. Used by serve, the demo and the tests.
import { once } from 'node:events';
import type { Config } from '../config.ts';
import { SHUTDOWN_GRACE_MS, STOP_GRACE_MS } from '../core/limits.ts';
import type { Logger } from '../core/logger.ts';
import { createHttpApp, type HttpOptions } from '../http.ts';
import type { OpenBroker } from './compose.ts';
import { UsageError } from './terminal.ts';
import { version } from './version.ts';

export interface Listening {
  /** Where agents find MCP. */
  readonly url: string;
  /** Stops accepting; running calls may finish for SHUTDOWN_GRACE_MS, then they are stopped and recorded. */
  close(): Promise<void>;
}

/** Resolves when it accepts connections. Throws UsageError where the address cannot be had. */
export async function listen(
  config: Config & Pick<HttpOptions, 'waits'>,
  open: OpenBroker,
  logger: Logger,
): Promise<Listening> {
  const app = createHttpApp({
    ...config,
    broker: open.broker,
    authenticator: open.authenticator,
    people: open.people,
    slack: open.slack,
    cancellations: open.cancellations,
    readinessChecks: () => open.readinessChecks(),
    metricsText: () => open.metricsText(),
    logger,
    version,
  });
  const { host, port } = config.listen;
  app.server.listen(port, host);
  try {
    await once(app.server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`cannot listen on ${host}:${port}: ${reason}`, 'name another address with --listen');
  }
  return {
    url: `${config.publicUrl}/mcp`,
    async close() {
      // Calls that outlive the grace are stopped, and their callers told so: connections stay for that.
      await Promise.all([open.broker.drain(SHUTDOWN_GRACE_MS), app.close(SHUTDOWN_GRACE_MS + STOP_GRACE_MS)]);
    },
  };
}
