#!/usr/bin/env node
// The process edge: which command was asked for, and what its failure means to the shell.
import './cli/node-version.ts';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { EXIT, endWithReader, explainFailure } from './cli/terminal.ts';
import { version } from './cli/version.ts';

// The parser of SQL is WebAssembly: optimising its code takes half a gigabyte for a while, and it is used at load alone.
setFlagsFromString('--no-wasm-tier-up');
setFlagsFromString('--no-wasm-dynamic-tiering');

/** Only the command that was asked for is loaded: the help of one does not wait for the database driver of another. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  demo: async () => (await import('./cli/demo.ts')).demoCommand(),
  serve: async () => (await import('./cli/serve.ts')).serveCommand(),
  stdio: async () => (await import('./cli/stdio.ts')).stdioCommand(),
  check: async () => (await import('./cli/check.ts')).checkCommand(),
  explain: async () => (await import('./cli/explain.ts')).explainCommand(),
  pin: async () => (await import('./cli/pin.ts')).pinCommand(),
  mask: async () => (await import('./cli/mask.ts')).maskCommand(),
  keys: async () => (await import('./cli/keys.ts')).keysCommand(),
  store: async () => (await import('./cli/store.ts')).storeCommand(),
  approvals: async () => (await import('./cli/approvals.ts')).approvalsCommand(),
  grants: async () => (await import('./cli/grants.ts')).grantsCommand(),
  leases: async () => (await import('./cli/leases.ts')).leasesCommand(),
  principals: async () => (await import('./cli/principals.ts')).principalsCommand(),
  backends: async () => (await import('./cli/backends.ts')).backendsCommand(),
  tokens: async () => (await import('./cli/tokens.ts')).tokensCommand(),
  login: async () => (await import('./cli/login.ts')).loginCommand(),
  logout: async () => (await import('./cli/login.ts')).logoutCommand(),
  whoami: async () => (await import('./cli/login.ts')).whoamiCommand(),
  log: async () => (await import('./cli/log.ts')).logCommand(),
};

/** They end what they started before they end, whoever listens. */
const HOLDING = ['demo', 'serve', 'stdio'];

const program = new Command('sallyport')
  .description('A guarded tool broker: the safe way for AI agents to touch real systems.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(try --help)')
  .showSuggestionAfterError();

const asked = process.argv[2] ?? '';
if (!HOLDING.includes(asked)) endWithReader(process.stdout);
const wanted = COMMANDS[asked] === undefined ? Object.values(COMMANDS) : [COMMANDS[asked]];
for (const load of wanted) program.addCommand(withOurExitCodes(await load()));

try {
  await program.parseAsync();
} catch (error) {
  // commander has already said what was wrong; asking for help or the version is not an error.
  process.exitCode =
    error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.good : EXIT.usage) : explainFailure(error);
}

/** Commands inside commands inherit nothing of this. */
function withOurExitCodes(command: Command): Command {
  for (const inner of command.commands) withOurExitCodes(inner);
  return command.exitOverride().showHelpAfterError('(try --help)');
}
