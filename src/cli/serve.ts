// `sallyport serve`: the broker over HTTP.
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { pino } from 'pino';
import { loadConfig } from '../config.ts';
import { openBroker } from './compose.ts';
import { listen } from './listen.ts';

interface ServeOptions {
  readonly config: string;
  readonly data?: string;
  readonly policies?: string;
  readonly listen?: string;
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('run the broker over HTTP')
    .description('Runs the broker over HTTP until SIGINT or SIGTERM; SIGHUP reads the policy files again.')
    .option('--config <file>', 'configuration file', 'sallyport.yaml')
    .option('--data <dir>', 'directory of embedded state and keys (default: .sallyport beside the configuration)')
    .option('--policies <dir>', 'directory of policy files (default: policies beside the configuration)')
    .option('--listen <address:port>', 'where to listen (default: 127.0.0.1:8931)')
    .action(serve);
}

async function serve({ config: file, ...overrides }: ServeOptions): Promise<void> {
  const stopping = firstSignal();
  const config = loadConfig({ file, env: process.env, overrides });
  const logger = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }));

  await using open = await openBroker(config, logger);
  const listening = await listen(config, open, logger);
  process.on('SIGHUP', () => void open.reloadPolicies());
  // From here on the young generation of the heap stays as starting has left it, some 8 MiB. A burst of calls that then wait
  // for people would let it grow to 64 MiB, and nothing makes it shrink while they wait.
  setFlagsFromString('--semi-space-growth-factor=1');
  logger.info({ url: listening.url, issuers: config.issuers.map(({ issuer }) => issuer) }, 'serving');

  const signal = await stopping;
  logger.info({ signal }, 'shutting down: running calls may finish');
  await listening.close();
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}
