// `sallyport log prove` and `sallyport log key`: what a third party needs to check one entry, and nothing more.
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { formatProof } from '../log/proof.ts';
import { formatVerifier } from '../log/signed-note.ts';
import { inclusionProof } from '../log/tree.ts';
import { readLogTree } from '../store/log-tree.ts';
import { openPlace, verifiersFor, withPlace } from './log-place.ts';
import type { PlaceOptions } from './log-place.ts';
import { wholeNumber } from './option-values.ts';
import { UsageError } from './terminal.ts';

export function proveCommand(): Command {
  return withPlace(new Command('prove'))
    .description('write a proof that an entry is in the log, for `log verify --proof`')
    .argument('<seq>', 'number of the entry', wholeNumber)
    .option('--out <file>', 'where to write it; else to stdout')
    .action(async (seq: number, options: PlaceOptions & { out?: string }) => {
      await using place = await openPlace(options);
      await place.reader.hold();
      const tree = readLogTree(place.reader);
      const [entry] = await place.source.entries({ afterSeq: seq - 1 }, 1);
      const latest = await tree.latest();
      if (entry?.seq !== seq)
        throw new UsageError(`the log has no entry ${seq}`, 'List what there is: sallyport log list');
      if (latest === undefined || latest.size < seq) {
        throw new UsageError(`no checkpoint covers entry ${seq} yet`, 'A running broker writes one within a second.');
      }
      const path = await inclusionProof(seq - 1, latest.size, (level, index) => tree.tile(level, index));
      const proof = formatProof(entry.text, seq, path, latest.note);
      if (options.out === undefined) process.stdout.write(proof);
      else await writeFile(options.out, proof);
    });
}

export function keyCommand(): Command {
  return withPlace(new Command('key'))
    .description('print the public key of the log, newest first, for `log verify --key`')
    .action(async (options: PlaceOptions) => {
      await using place = await openPlace(options);
      const origin = await readLogTree(place.reader).origin();
      if (origin === '')
        throw new UsageError('the log has signed nothing yet', 'Start the broker once: it names the log.');
      const verifiers = await verifiersFor(origin, options, []);
      process.stdout.write(verifiers.map((verifier) => `${formatVerifier(verifier)}\n`).join(''));
    });
}
