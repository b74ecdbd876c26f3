// `sallyport explain`: what would become of a call, door by door. Nothing is verified, leased or called.
import { Command, InvalidArgumentError, Option } from 'commander';
import { colours as pc } from './colours.ts';
import { type Config, readConfig } from '../config.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../core/json.ts';
import { didYouMean } from '../core/nearest.ts';
import type { PrincipalFacts } from '../core/principal.ts';
import { ConfigurationError } from '../core/problem.ts';
import type { Tool } from '../core/tool.ts';
import { explainCall, type Explanation } from '../policy/explain.ts';
import { configFile, policiesBeside, readPolicies } from './policy-place.ts';
import { EXIT, UsageError } from './terminal.ts';

const NEEDS_APPROVAL = 3;
const EXIT_CODES = { allow: EXIT.good, deny: EXIT.no, require_approval: NEEDS_APPROVAL } as const;

interface ExplainOptions {
  readonly as: string;
  readonly agent: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly claims?: JsonObject;
  readonly issuer?: string;
  readonly at?: number;
  readonly policies?: string;
  readonly config?: string;
  readonly json?: true;
}

export function explainCommand(): Command {
  return new Command('explain')
    .summary('tell what would become of a call')
    .description('Tells what would become of a call, door by door, and which rule decides. Nothing is called.')
    .argument('<tool>', 'as the policy files name it')
    .argument('[arguments...]', 'key=value; JSON where the argument is not text')
    .requiredOption('--as <subject>', 'on whose behalf the call is made')
    .option('--agent <name>', 'the agent that acts', 'agent')
    .addOption(new Option('--groups <list>', 'groups, separated by commas').argParser(list).default([], 'none'))
    .addOption(new Option('--scopes <list>', 'scopes, separated by commas').argParser(list).default([], 'none'))
    .option('--claims <json>', 'further claims of the token, as a JSON object', jsonObject)
    .option('--issuer <issuer>', 'name or address of the issuer (default: the only one of the configuration)')
    .option('--at <time>', 'when the call is made, such as 2026-11-23T03:00Z (default: now)', time)
    .option('--policies <dir>', 'directory of policy files (default: that of the configuration, else policies)')
    .option('--config <file>', 'configuration file (default: sallyport.yaml, where there is one)')
    .option('--json', 'as one JSON document')
    .addHelpText('after', '\nExit code: 0 allowed, 1 refused, 2 policies or command are wrong, 3 a person is asked.')
    .action(async (name: string, args: string[], options: ExplainOptions) => {
      const explanation = await explain(name, args, options);
      process.stdout.write(options.json ? `${JSON.stringify(explanation, undefined, 2)}\n` : story(explanation));
      process.exitCode = EXIT_CODES[explanation.effect];
    });
}

const NO_CONFIG = { config: undefined, problems: [] };

async function explain(name: string, written: readonly string[], options: ExplainOptions): Promise<Explanation> {
  const file = configFile(options.config);
  const { config, problems } = file === undefined ? NO_CONFIG : readConfig({ file, env: process.env }, 'warning');
  if (file !== undefined && config === undefined) throw new ConfigurationError(problems);
  const issuers = problems.length === 0 ? config?.issuers : undefined;
  const policies = await readPolicies(options.policies ?? policiesBeside(config), issuers);
  const tool = policies.tools.get(name);
  if (tool === undefined) {
    const known = [...policies.tools.keys()];
    throw new UsageError(`there is no tool "${name}"`, didYouMean(name, known) ?? `there are ${known.join(', ')}`);
  }
  const principal: PrincipalFacts = {
    issuer: issuerOf(options.issuer, config),
    subject: options.as,
    actor: options.agent,
    groups: options.groups,
    scopes: options.scopes,
    claims: options.claims ?? {},
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
  return explainCall(policies, {
    principal,
    tool,
    arguments: readArguments(written, tool),
    session: 'explain',
    now: options.at ?? Date.now(),
  });
}

function issuerOf(named: string | undefined, config: Config | undefined): string {
  const issuers = config?.issuers ?? [];
  if (named !== undefined) return issuers.find(({ name }) => name === named)?.issuer ?? named;
  const [only, other] = issuers;
  if (other !== undefined) {
    throw new UsageError(
      'there is more than one issuer',
      `say which with --issuer: ${issuers.map(({ name }) => name ?? '').join(', ')}`,
    );
  }
  return only?.issuer ?? 'https://issuer.example';
}

function readArguments(written: readonly string[], { inputSchema }: Tool): JsonObject {
  return Object.fromEntries(
    written.map((one) => {
      const [, key, value] = /^([^=]+)=(.*)$/s.exec(one) ?? [];
      if (key === undefined || value === undefined) throw new UsageError(`"${one}" is no argument`, 'write key=value');
      const properties = inputSchema['properties'] as Readonly<Record<string, JsonSchema>>;
      const isText = Object.hasOwn(properties, key) && properties[key]?.['type'] === 'string';
      return [key, isText ? value : jsonOrText(value)];
    }),
  );
}

/** What is neither goes on as text: that it does not fit is for the schema to say. */
function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function jsonObject(text: string): JsonObject {
  const value = jsonOrText(text);
  if (!isJsonObject(value)) throw new InvalidArgumentError('Expected a JSON object.');
  return value;
}

function time(text: string): number {
  const moment = Date.parse(text);
  if (Number.isNaN(moment)) throw new InvalidArgumentError('Expected a time such as 2026-11-23T03:00Z.');
  return moment;
}

const MARKS = { open: pc.green('✓'), ask: pc.yellow('?'), shut: pc.red('✗'), unreached: pc.dim('·') } as const;
const VERDICTS = {
  allow: pc.green('allowed'),
  require_approval: pc.yellow('a person is asked'),
  deny: pc.red('refused'),
} as const;

function story({ doors, rules, effect, words, policy }: Explanation): string {
  const lines = doors.flatMap(({ door, state, facts }) => [
    `${MARKS[state]} ${pc.bold(door.padEnd(11))} ${facts[0] ?? ''}`,
    ...facts.slice(1).map((fact) => `${' '.repeat(14)}${fact}`),
  ]);
  const by = rules.length === 0 ? '' : ` by ${rules.join(', ')}`;
  const said = words === undefined ? '' : `\n  the agent is told: ${words}`;
  return `${lines.join('\n')}\n\n${VERDICTS[effect]}${by}${said}\n${pc.dim(`  policies ${policy.slice(0, 12)}`)}\n`;
}
