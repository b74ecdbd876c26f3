// `sallyport log`: for auditors. Reads the store or a copy of it; needs no running broker.
import { Command } from 'commander';
import { listCommand } from './log-list.ts';
import { keyCommand, proveCommand } from './log-prove.ts';
import { showCommand } from './log-show.ts';
import { verifyCommand } from './log-verify.ts';

export function logCommand(): Command {
  return new Command('log')
    .description('read and prove the log')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(verifyCommand())
    .addCommand(proveCommand())
    .addCommand(keyCommand());
}
