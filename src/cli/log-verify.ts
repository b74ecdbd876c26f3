// `sallyport log verify`: whether the log, or a proof from it, is what was signed.
import { Command, Option } from 'commander';
import { colours as pc } from './colours.ts';
import { line } from './log-list.ts';
import { StoreError } from '../core/errors.ts';
import { verifyProof } from '../log/proof.ts';
import { verifyLog } from '../log/verify.ts';
import type { Verification } from '../log/verify.ts';
import { storeLogCopy } from '../store/log-copy.ts';
import { openExport } from '../log/exported.ts';
import { openPlace, payloadKeysOf, readGiven, verifiersFor, withPlace } from './log-place.ts';
import type { PlaceOptions } from './log-place.ts';
import { progressBar } from './progress-bar.ts';
import { EXIT, UsageError } from './terminal.ts';

interface VerifyOptions extends PlaceOptions {
  readonly checkpoint: readonly string[];
  readonly key: readonly string[];
  readonly proof?: string;
  readonly copy?: string;
  readonly json?: true;
}

const MAX_SHOWN = 10;

export function verifyCommand(): Command {
  return withPlace(new Command('verify'))
    .description('derive every hash again, and find any change, removal, insertion or reordering')
    .addOption(repeatable('--checkpoint <file>', 'also hold it against a checkpoint kept elsewhere'))
    .addOption(repeatable('--key <key>', 'public key of the log, or a file with it'))
    .option('--copy <file>', 'verify an exported log instead of the store')
    .option('--proof <file>', 'check a proof instead, which needs nothing but the key')
    .option('--json', 'the findings as JSON')
    .action(async (options: VerifyOptions) => {
      process.exitCode =
        options.proof === undefined ? await verifyStore(options) : await checkProof(options, options.proof);
    });
}

async function verifyStore(options: VerifyOptions): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const { copy, payloadKeys } = await openCopy(options, opened);
  const kept = await Promise.all(
    options.checkpoint.map(async (file) => ({
      name: `the checkpoint in ${file}`,
      note: await readGiven('--checkpoint', file),
    })),
  );
  const verifiers = await verifiersFor(await copy.origin(), options, options.key);
  const bar = progressBar(process.stderr, 'entries');
  const checks = { verifiers, kept, payloadKeys, now: Date.now(), progress: bar.show.bind(bar) };
  const started = performance.now();
  let verification: Verification;
  try {
    verification = await verifyLog(copy, checks);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    process.stdout.write(`${pc.red('bad')}  the store is damaged: ${error.message}\n`);
    return EXIT.no;
  }
  const ms = performance.now() - started;
  bar.clear();
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...verification, ms: Math.round(ms) }, null, 2)}\n` : report(verification, ms),
  );
  return verification.findings.length === 0 ? EXIT.good : EXIT.no;
}

/** The store, held still while it is read; or an exported file. */
async function openCopy(options: VerifyOptions, opened: AsyncDisposableStack) {
  const { copy } = options;
  if (copy === undefined) {
    const place = opened.use(await openPlace(options));
    await place.reader.hold();
    return { copy: storeLogCopy(place.reader), payloadKeys: place.payloadKeys };
  }
  try {
    return { copy: await openExport(copy), payloadKeys: await payloadKeysOf(options) };
  } catch (error) {
    const hint = 'It must be a file that `sallyport log export` wrote.';
    throw new UsageError(`--copy ${copy}: ${error instanceof Error ? error.message : String(error)}`, hint);
  }
}

async function checkProof(options: VerifyOptions, file: string): Promise<number> {
  const { key, json } = options;
  const proof = await readGiven('--proof', file);
  const origin = /\n\n(\S+)\n/.exec(proof)?.[1] ?? '';
  const verifiers = await verifiersFor(origin, options, key);
  try {
    const { seq, body, checkpoint } = verifyProof(proof, verifiers);
    const text = JSON.stringify(body);
    const summary = `${pc.green('proved')}: entry ${seq} of ${checkpoint.size} in ${checkpoint.origin}`;
    process.stdout.write(json ? `${text}\n` : `${summary}\n${line({ seq, text })}\n`);
    return EXIT.good;
  } catch (error) {
    process.stdout.write(`${pc.red('not proved')}: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.no;
  }
}

function report(found: Verification, ms: number): string {
  const { entries, from, to, covered, checkpoints, payloads, open, findings } = found;
  const lines = findings.slice(0, MAX_SHOWN).map(({ message }) => `${pc.red('bad')}  ${message}`);
  if (findings.length > MAX_SHOWN) lines.push(`     and ${findings.length - MAX_SHOWN} more (--json)`);
  lines.push(
    `${entries} entries${from === undefined ? '' : `, from ${from} to ${String(to)}`}, read in ${(ms / 1_000).toFixed(1)} s`,
  );
  lines.push(`${checkpoints} checkpoints; the newest that holds covers ${covered} entries`);
  if (entries > covered) lines.push(pc.yellow(`${entries - covered} entries are not covered by it yet`));
  lines.push(
    `payloads: ${payloads.checked} checked, ${payloads.erased} erased` +
      (payloads.unchecked > 0 ? `, ${payloads.unchecked} not checked (payload.key is not at hand)` : ''),
  );
  for (const { seq, invocation, state } of open) {
    lines.push(
      `${(state === 'running' ? pc.cyan : pc.yellow)(state)}  invocation ${invocation} (entry ${seq}) has no outcome`,
    );
  }
  if (findings.length > 0) lines.push(pc.red('The log is NOT what was signed.'));
  else if (covered === 0) lines.push(pc.yellow('Nothing is wrong with it, but nothing of it is signed.'));
  else lines.push(pc.green('The log is what was signed.'));
  return lines.join('\n') + '\n';
}

function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description} (repeatable)`)
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], 'none');
}
