// `sallyport keys`: what keys there are, new ones in front of old ones, and old ones away once nothing needs them.
import { Argument, Command } from 'commander';
import { PERMANENT, ROTATABLE, keysOnFile, retireKeys, rotateKey } from '../store/key-rotation.ts';
import type { KeyOnFile, Rotatable } from '../store/key-rotation.ts';
import { sealedUnder } from '../store/rewrap.ts';
import { colours as pc } from './colours.ts';
import { keysOf, openPlace, readGiven, withPlace } from './log-place.ts';
import type { PlaceOptions } from './log-place.ts';
import { EXIT, UsageError } from './terminal.ts';

interface KeysOptions extends PlaceOptions {
  readonly json?: true;
}

export function keysCommand(): Command {
  const keys = new Command('keys')
    .summary('rotate the keys of a deployment')
    .description('Shows the keys of a deployment, and replaces them. Restart the brokers afterwards.');
  for (const command of [listCommand(), rotateCommand(), retireCommand()]) {
    keys.addCommand(command.exitOverride().showHelpAfterError('(try --help)'));
  }
  return keys;
}

function listCommand(): Command {
  return withPlace(new Command('list'))
    .description('list the keys of each purpose, by id, and which of them is used')
    .option('--json', 'as JSON')
    .action(async (options: KeysOptions) => {
      const listed = await Promise.all(
        [...Object.keys(ROTATABLE), ...Object.keys(PERMANENT)].map(async (purpose) => {
          return { purpose, rotates: purpose in ROTATABLE, keys: await keysOnFile(keysOf(options), purpose) };
        }),
      );
      if (options.json) process.stdout.write(`${JSON.stringify(listed, null, 2)}\n`);
      else for (const { purpose, rotates, keys } of listed) process.stdout.write(`${line(purpose, keys, rotates)}\n`);
    });
}

function line(purpose: string, [current, ...older]: readonly KeyOnFile[], rotates: boolean): string {
  const before = older.length === 0 ? '' : `, before: ${older.map(({ id }) => id).join(', ')}`;
  return `${purpose.padEnd(18)}${pc.bold(current?.id ?? '')}${before}${rotates ? '' : pc.dim('  never rotated')}`;
}

function rotateCommand(): Command {
  return withPlace(new Command('rotate'))
    .description('put a new key in front of the old one, which still opens or verifies what it closed')
    .addArgument(purposeArgument())
    .option('--key-file <file>', 'the new key, instead of one that is made: one line of base64')
    .option('--json', 'as JSON')
    .addHelpText('after', `\n${permanentWords()}`)
    .action(async (given: string, { keyFile, json, ...place }: KeysOptions & { readonly keyFile?: string }) => {
      const purpose = rotatable(given);
      const key = keyFile === undefined ? undefined : await readGiven('--key-file', keyFile);
      const { id } = await rotateKey(keysOf(place), purpose, key);
      const next =
        purpose === 'checkpoint'
          ? 'Give the new public key (sallyport log key) to whoever verifies; keep the one before for older checkpoints.'
          : 'Brokers then seal what is kept anew; when one says that it has, take the old key away: ' +
            `sallyport keys retire ${purpose}`;
      process.stdout.write(
        json
          ? `${JSON.stringify({ purpose, key: id })}\n`
          : `${pc.green('rotated')}: ${purpose} key ${id} is in front\nStart all brokers again, with this directory or a copy.\n${next}\n`,
      );
    });
}

function retireCommand(): Command {
  return withPlace(new Command('retire'))
    .description('take the old keys of a purpose away, if nothing is sealed under them any more')
    .addArgument(purposeArgument())
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit code: 0 they are gone, 1 something still needs them.')
    .action(async (given: string, { json, ...place }: KeysOptions) => {
      const purpose = rotatable(given);
      const { sealed } = ROTATABLE[purpose];
      if (sealed === undefined) {
        const hint = 'The private half went with the rotation; what is left verifies older checkpoints.';
        throw new UsageError(`old ${purpose} keys stay`, hint);
      }
      const [current] = await keysOnFile(keysOf(place), purpose);
      await using opened = await openPlace(place);
      const needed = [...(await sealedUnder(opened.reader, sealed))].filter(([id]) => id !== current?.id);
      if (needed.length > 0) {
        const rows = needed.map(([id, count]) => `${count} ${sealed} are sealed under ${id}`).join(', ');
        process.stdout.write(json ? `${JSON.stringify({ purpose, needed })}\n` : `${pc.red('kept')}: ${rows}\n`);
        process.exitCode = EXIT.no;
        return;
      }
      const retired = await retireKeys(keysOf(place), purpose);
      process.stdout.write(
        json
          ? `${JSON.stringify({ purpose, retired })}\n`
          : `${pc.green('retired')}: ${retired.join(', ') || 'none'}\n`,
      );
    });
}

function purposeArgument(): Argument {
  return new Argument('<purpose>', Object.keys(ROTATABLE).join(', '));
}

function rotatable(purpose: string): Rotatable {
  if (purpose in ROTATABLE) return purpose as Rotatable;
  const why = PERMANENT[purpose];
  if (why !== undefined) throw new UsageError(`the ${purpose} key is never rotated: ${why}`);
  throw new UsageError(`there is no key ${purpose}`, `Those that rotate: ${Object.keys(ROTATABLE).join(', ')}.`);
}

function permanentWords(): string {
  const lines = Object.entries(PERMANENT).map(([purpose, why]) => `  ${purpose}: ${why}`);
  return `Never rotated:\n${lines.join('\n')}`;
}
