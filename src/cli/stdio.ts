// `sallyport stdio`: the same broker for one agent, which starts it and speaks MCP over stdin and stdout.
import { Command } from 'commander';
import { pino } from 'pino';
import { loadConfig, type ConfigOverrides } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { SHUTDOWN_GRACE_MS } from '../core/limits.ts';
import type { Logger } from '../core/logger.ts';
import type { Authenticator } from '../identity/authenticate.ts';
import { challenge } from '../identity/challenge.ts';
import { serveMcpStdio, type StdioOptions } from '../mcp-stdio.ts';
import { agentToken, type AgentToken } from './agent-token.ts';
import { openBroker } from './compose.ts';
import { version } from './version.ts';

export function stdioCommand(): Command {
  return new Command('stdio')
    .summary('run the broker for one agent over stdin and stdout')
    .description(
      'Runs the broker for one agent over stdin and stdout, until stdin closes. The agent’s access token comes ' +
        'from SALLYPORT_TOKEN, from SALLYPORT_TOKEN_FILE (read again for every call), or from its issuer with ' +
        'SALLYPORT_CLIENT_ID and SALLYPORT_CLIENT_SECRET. It is verified like any other.',
    )
    .option('--config <file>', 'configuration file', 'sallyport.yaml')
    .option('--data <dir>', 'directory of embedded state and keys (default: .sallyport beside the configuration)')
    .option('--policies <dir>', 'directory of policy files (default: policies beside the configuration)')
    .action((options: { config: string } & ConfigOverrides) => stdio(options));
}

async function stdio({ config: file, ...overrides }: { config: string } & ConfigOverrides): Promise<void> {
  const config = loadConfig({ file, env: process.env, overrides });
  const token = agentToken(process.env, config.issuers, systemClock);
  // stdout carries the protocol: what the process says about itself goes to stderr.
  const logger = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }));

  await using open = await openBroker(config, logger);
  const { broker, authenticator } = open;
  const connection = serveMcpStdio({
    broker,
    logger,
    version,
    agentPatienceMs: config.agentPatienceMs,
    identify: identifier(token, authenticator, logger),
    input: process.stdin,
    output: process.stdout,
  });
  const stop = (): void => void broker.drain(SHUTDOWN_GRACE_MS).then(() => connection.close());
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.on('SIGHUP', () => void open.reloadPolicies());

  await connection.closed;
  await broker.drain(SHUTDOWN_GRACE_MS);
}

/** The caller is told what it would be told over HTTP; the reasons go to the operator. */
function identifier(token: AgentToken, authenticator: Authenticator, logger: Logger): StdioOptions['identify'] {
  return async () => {
    let authorization: string;
    try {
      authorization = await token.authorization();
    } catch (error) {
      logger.error({ err: error }, 'the agent has no access token');
      return { refusal: 'The agent has no access token. The operator can find out why from what the broker printed.' };
    }
    const result = await authenticator.authenticate(authorization);
    if ('principal' in result) return result;
    await token.refused();
    logger.warn({ failure: result.failure, detail: result.detail }, 'the agent’s access token was refused');
    return { refusal: challenge(result, '').body.error_description };
  };
}
