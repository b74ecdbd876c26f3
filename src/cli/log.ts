// `sallyport log`: for auditors. Reads the store or a copy of it; needs no running broker.
import { Command } from 'commander';
import { listCommand } from './log-list.ts';
import { showCommand } from './log-show.ts';

export function logCommand(): Command {
  return new Command('log').description('read the log').addCommand(listCommand()).addCommand(showCommand());
}
