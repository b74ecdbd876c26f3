// `sallyport log`: for auditors. Reads the store or a copy of it; needs no running broker.
import { Command } from 'commander';
import { eraseCommand } from './log-erase.ts';
import { exportCommand } from './log-export.ts';
import { listCommand } from './log-list.ts';
import { keyCommand, proveCommand } from './log-prove.ts';
import { replayCommand } from './log-replay.ts';
import { schemaCommand } from './log-schema.ts';
import { showCommand } from './log-show.ts';
import { verifyCommand } from './log-verify.ts';

const COMMANDS = [
  listCommand,
  showCommand,
  replayCommand,
  verifyCommand,
  proveCommand,
  keyCommand,
  exportCommand,
  eraseCommand,
  schemaCommand,
];

export function logCommand(): Command {
  const log = new Command('log')
    .summary('read and prove the log')
    .description('Reads the log, proves it, and erases what is kept beside it.');
  for (const command of COMMANDS) log.addCommand(command().exitOverride().showHelpAfterError('(try --help)'));
  return log;
}
