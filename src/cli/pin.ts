// `sallyport pin`: accept what an upstream MCP server says of its tools, after it was shown as a diff.
import { rename, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { readConfig } from '../config.ts';
import type { IssuedCredential } from '../core/credential.ts';
import type { Credential } from '../core/evidence.ts';
import { BackendError, CredentialError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import { printable } from '../core/printable.ts';
import { ConfigurationError } from '../core/problem.ts';
import { Secret } from '../core/secret.ts';
import { uuidv7 } from '../core/uuid.ts';
import type { CompiledBackend } from '../policy/compile-backends.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import { mcpBackend, placed, type McpBackend } from '../../tools/mcp/mcp-backend.ts';
import { offeredBy, UpstreamUnavailable } from '../../tools/mcp/offered.ts';
import { comparePins, readPins, writePins, type DifferingTool } from '../../tools/mcp/pins.ts';
import type { LiveDefinition } from '../../tools/mcp/tool-definition.ts';
import { colours as pc } from './colours.ts';
import { implementations } from './implementations.ts';
import { configFile, policiesBeside, throwawayKeys } from './policy-place.ts';
import { EXIT, UsageError } from './terminal.ts';

/** What the upstream, and the provider of its credential, get to answer. */
const PIN_MS = 60_000;

interface PinOptions {
  readonly policies?: string;
  readonly config?: string;
  readonly yes?: true;
  readonly json?: true;
}

export function pinCommand(): Command {
  return new Command('pin')
    .summary('accept the tool definitions of an upstream MCP server')
    .description(
      'Asks an upstream MCP server for its tools, shows what differs from the pinned definitions, and pins what was shown.',
    )
    .argument('<backend>', 'as the policy files name it')
    .option('--yes', 'pin without asking')
    .option('--policies <dir>', 'directory of policy files (default: that of the configuration, else policies)')
    .option('--config <file>', 'configuration file (default: sallyport.yaml, where there is one)')
    .option('--json', 'as one JSON document')
    .addHelpText(
      'after',
      '\nA broker that watches the directory takes the file over as it does policies.' +
        '\nPinning again what has not changed shows tools again that were hidden meanwhile.' +
        '\nExit code: 0 pinned, or nothing differs; 1 not pinned; 2 policies or command are wrong, or the upstream does not serve.',
    )
    .action(async (name: string, options: PinOptions) => {
      process.exitCode = await pin(name, options);
    });
}

async function pin(name: string, { policies, config: file, yes, json }: PinOptions): Promise<number> {
  const configured = configFile(file);
  const { config } =
    configured === undefined ? { config: undefined } : readConfig({ file: configured, env: process.env }, 'warning');
  const directory = policies ?? policiesBeside(config);
  await using parts = implementations(throwawayKeys());
  const { kinds, providers, masks } = parts;
  const loaded = await loadPolicies(directory, { kinds, providers, masks, env: process.env });
  const backend = loaded.backends.get(name);
  if (backend?.kind.kind !== 'mcp') throw noSuchBackend(name, loaded.backends);
  if (!backend.sound) throw new ConfigurationError(loaded.problems.filter(({ severity }) => severity === 'error'));
  if (backend.known === undefined) throw new TypeError('a sound backend is known');
  const upstream = placed({ ...backend.known, options: mcpBackend.parse(backend.known.options) });

  const live = await ask(upstream, backend);
  const pins = backend.known.documents.get('pins');
  const before = pins && readPins(pins.text, name);
  const tools = comparePins(before && 'pins' in before ? before.pins : undefined, live);
  const differs = tools.some(({ change }) => change !== 'same');
  const target = pins?.file ?? resolve(directory, upstream.pins);
  const shown = relative(process.cwd(), target);
  if (!json) process.stdout.write(diffText(tools));
  if (!json && before && 'problem' in before) process.stdout.write(`${pc.yellow(`${shown}: ${before.problem}`)}\n`);
  const accepted = yes ?? (differs && !json && (await confirmed(name)));
  if (accepted) await replaceFile(target, writePins(name, live, new Date()));
  if (json)
    process.stdout.write(`${JSON.stringify({ backend: name, file: shown, written: accepted, tools }, undefined, 2)}\n`);
  else process.stdout.write(`${verdict(accepted, differs, shown)}\n`);
  return accepted || !differs ? EXIT.good : EXIT.no;
}

function noSuchBackend(name: string, backends: ReadonlyMap<string, CompiledBackend | undefined>): UsageError {
  const known = [...backends].filter(([, backend]) => backend?.kind.kind === 'mcp').map(([known]) => known);
  const hint = known.length === 0 ? 'none is declared' : `there are ${known.join(', ')}`;
  return new UsageError(`there is no backend "${name}" of kind mcp`, didYouMean(name, known) ?? hint);
}

/** With a credential that is made for this, and ended after it. There is no caller, whose token could be exchanged for one. */
async function ask(upstream: McpBackend, { ref, provider }: CompiledBackend): Promise<readonly LiveDefinition[]> {
  const signal = AbortSignal.timeout(PIN_MS);
  const options = ref.credential?.options;
  const now = Date.now();
  const plan = { id: uuidv7(now), backend: ref.name, expiresAt: now + PIN_MS };
  let reference = provider?.reference(plan) ?? '';
  const named = (known: string): Promise<void> => {
    reference = known;
    return Promise.resolve();
  };
  let issued: IssuedCredential | undefined;
  try {
    issued = await provider?.issue(options, { ...plan, inbound: undefined, named }, reference, signal);
    const fields = issued?.fields ?? {};
    return await offeredBy(upstream, fields, signal).catch((error: unknown) => {
      throw explained(error, ref.name, fields);
    });
  } catch (error) {
    if (error instanceof CredentialError)
      throw new UsageError(`no credential could be had for "${ref.name}": ${error.detail}`);
    throw error;
  } finally {
    await issued?.revoke?.();
    await provider?.revoke?.(options, reference);
  }
}

function explained(error: unknown, name: string, credential: Credential): unknown {
  if (error instanceof BackendError) return new UsageError(`"${name}" cannot be asked: ${error.detail}`);
  if (!(error instanceof UpstreamUnavailable)) return error;
  let said = error.stderr.trim();
  for (const value of Object.values(credential)) {
    if (value instanceof Secret) said = said.replaceAll(value.reveal(), '[redacted]');
  }
  const lines = said.split('\n').map((line) => `    ${printable(line)}`);
  return new UsageError(
    `"${name}" cannot be asked: ${error.message}`,
    said === '' ? undefined : `it said:\n${lines.join('\n')}`,
  );
}

function diffText(tools: readonly DifferingTool[]): string {
  return tools
    .filter(({ change }) => change !== 'same')
    .map(({ name, change, lines, cleaned }) => {
      const note = cleaned ? pc.yellow(' (invisible characters were taken out of its texts)') : '';
      const body = lines.map(({ sign, text }) => {
        const line = `  ${sign} ${printable(text)}`;
        return sign === '+' ? pc.green(line) : sign === '-' ? pc.red(line) : pc.dim(line);
      });
      return `${pc.bold(printable(name))} ${change}${note}\n${body.join('\n')}\n\n`;
    })
    .join('');
}

async function confirmed(name: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Pin these definitions of ${name}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

function verdict(accepted: boolean, differs: boolean, file: string): string {
  if (accepted) return `${pc.green('pinned')}: ${file}`;
  if (!differs) return `${pc.green('nothing differs')} from ${file}`;
  return `${pc.yellow('not pinned')}: ${file} is as it was (--yes pins without asking)`;
}

/** Whole or not at all, also for a broker that reads it in this moment. */
async function replaceFile(file: string, text: string): Promise<void> {
  const beside = resolve(dirname(file), `.${uuidv7(Date.now())}`);
  await writeFile(beside, text);
  await rename(beside, file);
}
