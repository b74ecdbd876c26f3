// `sallyport check`: every problem in the policy files, and in sallyport.yaml where there is one.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { colours as pc } from './colours.ts';
import { readConfig } from '../config.ts';
import { byPlace, type Problem } from '../core/problem.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import { implementations } from './implementations.ts';
import { configFile, policiesBeside, throwawayKeys } from './policy-place.ts';
import { knownFrom } from './policy-surroundings.ts';
import { EXIT, problemLine } from './terminal.ts';

/** What all backends together get to answer. */
const EXAMINE_MS = 30_000;

interface CheckOptions {
  readonly config?: string;
  readonly connect?: true;
  readonly json?: true;
}

export function checkCommand(): Command {
  return new Command('check')
    .summary('validate policy files')
    .description('Reports every problem in policy files, and in sallyport.yaml where there is one.')
    .argument('[dir]', 'directory of policy files (default: that of the configuration, else policies)')
    .option(
      '--connect',
      'also ask the backends: statements, masked columns, grants of the logins that make credentials',
    )
    .option('--config <file>', 'configuration file (default: sallyport.yaml, where there is one)')
    .option('--json', 'all problems as one JSON document')
    .addHelpText(
      'after',
      '\nA reference to a variable or file that is not there is a warning here, so that checks run without secrets,' +
        '\nand an error with --connect and wherever the broker runs.' +
        '\nExit code: 0 no errors, 2 errors.',
    )
    .action(async (directory: string | undefined, options: CheckOptions) => {
      process.exitCode = await check(directory, options);
    });
}

async function check(given: string | undefined, { config: file, connect, json }: CheckOptions): Promise<number> {
  const unset = connect ? 'error' : 'warning';
  const configured = configFile(file);
  const { config, problems: configProblems } =
    configured === undefined ? { problems: [] } : readConfig({ file: configured, env: process.env }, unset);
  const directory = given ?? policiesBeside(config);
  const { issuers, ...others } = config === undefined ? {} : knownFrom(config);
  // Where references are unset, examples stand in the places of issuers.
  const known = { ...others, ...(issuers && configProblems.length === 0 && { issuers }) };
  await using parts = implementations(throwawayKeys());
  const { kinds, providers, masks } = parts;
  const loaded = await loadPolicies(directory, {
    ...{ kinds, providers, masks },
    env: process.env,
    unset,
    ...known,
  });
  // What has errors cannot be asked about.
  const examined = connect && loaded.policies !== undefined;
  const found = examined ? await loaded.examine(AbortSignal.timeout(EXAMINE_MS)) : loaded.problems;
  const problems = [...configProblems, ...found].sort(byPlace);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const summary = {
    errors,
    warnings: problems.length - errors,
    tools: loaded.policies?.tools.size,
    rules: loaded.policies?.rules.length,
    policy: loaded.policies?.version,
    connected: examined === true,
  };
  if (json) process.stdout.write(`${JSON.stringify({ ...summary, problems }, undefined, 2)}\n`);
  else process.stdout.write(report(problems, directory, summary));
  return errors === 0 ? EXIT.good : EXIT.usage;
}

interface Summary {
  readonly errors: number;
  readonly warnings: number;
  readonly tools: number | undefined;
  readonly rules: number | undefined;
  readonly connected: boolean;
}

function report(
  problems: readonly Problem[],
  directory: string,
  { errors, warnings, tools, rules, connected }: Summary,
): string {
  const texts = new Map<string, readonly string[]>();
  const blocks = problems.map(
    (problem) => `${problemLine(problem)}\n${process.stdout.isTTY ? excerpt(problem, texts) : ''}`,
  );
  const counts = [count(errors, 'error'), count(warnings, 'warning')].join(', ');
  const what =
    tools === undefined
      ? ''
      : `: ${count(tools, 'tool')}, ${count(rules ?? 0, 'rule')}${connected ? ', backends asked' : ''}`;
  const verdict = errors === 0 ? pc.green(`${directory} holds`) : pc.red(`${directory} does not hold`);
  return `${blocks.join('')}${blocks.length > 0 ? '\n' : ''}${verdict}${what} (${counts})\n`;
}

/** The line of the file, with a caret under the place. */
function excerpt({ file, line, column }: Problem, texts: Map<string, readonly string[]>): string {
  const lines = texts.get(file) ?? readLines(file);
  texts.set(file, lines);
  const text = lines[line - 1];
  if (text === undefined) return '';
  const number = String(line);
  // Tabs stay tabs, so that the caret stands where the terminal puts the character.
  const indent = text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ');
  return `  ${pc.dim(`${number} |`)} ${text}\n  ${' '.repeat(number.length)} ${pc.dim('|')} ${indent}${pc.cyan('^')}\n`;
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch {
    return [];
  }
}

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`;
}
