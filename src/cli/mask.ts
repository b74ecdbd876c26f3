// `sallyport mask`: what of a result would leave towards the agent, and which path took what. Nothing is called.
import { createSecretKey, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { colours as pc } from './colours.ts';
import { readConfig } from '../config.ts';
import { WithheldError } from '../core/errors.ts';
import type { Masked } from '../core/evidence.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';
import { didYouMean } from '../core/nearest.ts';
import { parseStrictJson } from '../core/strict-json.ts';
import type { Tool, ToolAnswer } from '../core/tool.ts';
import { recordOf } from '../masking/recorded.ts';
import { tokenMaker } from '../store/token-records.ts';
import { configFile, policiesBeside, readPolicies } from './policy-place.ts';
import { EXIT, UsageError } from './terminal.ts';

interface MaskOptions {
  readonly policies?: string;
  readonly config?: string;
  readonly json?: true;
}

export function maskCommand(): Command {
  return new Command('mask')
    .summary('tell what of a result would leave')
    .description(
      'Reads a result as JSON and tells what of it would leave, and which path took what. Nothing is called.',
    )
    .argument('<tool>', 'as the policy files name it')
    .option('--policies <dir>', 'directory of policy files (default: that of the configuration, else policies)')
    .option('--config <file>', 'configuration file (default: sallyport.yaml, where there is one)')
    .option('--json', 'as one JSON document')
    .addHelpText(
      'after',
      '\nThe result is the structured content, such as {"rows": [...]}, or an MCP result with `content`.' +
        '\nTokens and hashes are made under a key of the moment: a deployment makes others.' +
        '\nExit code: 0 it would leave, 1 it would be withheld, 2 policies, result or command are wrong.',
    )
    .action(async (name: string, options: MaskOptions) => {
      const tool = await findTool(name, options);
      const answer = readAnswer(await text(process.stdin));
      const { masked, withheld } = mask(tool, answer);
      const report = {
        tool: name,
        leaves: masked === undefined ? undefined : recordOf(masked),
        withheld,
        masks: tool.mask
          .describe()
          .map((one) => ({ ...one, taken: masked?.counts[one.path.replace(/^detect /, '')] ?? 0 })),
      };
      process.stdout.write(
        options.json ? `${JSON.stringify(report, undefined, 2)}\n` : told(report, answer.structured),
      );
      process.exitCode = withheld === undefined ? EXIT.good : EXIT.no;
    });
}

async function findTool(name: string, options: MaskOptions): Promise<Tool> {
  const file = configFile(options.config);
  const config = file === undefined ? undefined : readConfig({ file, env: process.env }, 'warning').config;
  const { tools } = await readPolicies(options.policies ?? policiesBeside(config), undefined);
  const tool = tools.get(name);
  if (tool !== undefined) return tool;
  throw new UsageError(
    `there is no tool "${name}"`,
    didYouMean(name, tools.keys()) ?? `there are ${[...tools.keys()].join(', ')}`,
  );
}

function readAnswer(written: string): ToolAnswer {
  const parsed = parseStrictJson(written, { maxDepth: MAX_JSON_DEPTH });
  if (!parsed.ok) {
    throw new UsageError(
      `the result on standard input: ${parsed.reason} (at character ${String(parsed.position + 1)})`,
      'give a result of the tool as JSON: sallyport mask find_customer < result.json',
    );
  }
  const result = parsed.value;
  if (!isJsonObject(result)) {
    throw new UsageError(
      'the result on standard input is not an object',
      'give the structured content: {"rows": [...]}',
    );
  }
  const { content, structuredContent, isError } = result;
  if (!Array.isArray(content)) return { structured: result };
  return {
    content: content as readonly Json[],
    ...(isJsonObject(structuredContent) ? { structured: structuredContent } : {}),
    isError: isError === true,
  };
}

function mask(tool: Tool, answer: ToolAnswer): { readonly masked?: Masked; readonly withheld?: string } {
  try {
    return { masked: tool.mask.apply(answer, { tokenFor: tokenMaker(createSecretKey(randomBytes(32))) }) };
  } catch (error) {
    if (error instanceof WithheldError) return { withheld: error.detail };
    throw error;
  }
}

interface MaskReport {
  readonly leaves: JsonObject | undefined;
  readonly withheld: string | undefined;
  readonly masks: readonly { readonly path: string; readonly action: string; readonly taken: number }[];
}

function told({ leaves, withheld, masks }: MaskReport, before: JsonObject | undefined): string {
  const width = Math.max(0, ...masks.map(({ path }) => path.length));
  const table = masks.map(({ path, action, taken }) => {
    const line = `  ${path.padEnd(width)}  ${action}`;
    return taken === 0 ? pc.dim(`${line}  found nothing`) : `${pc.yellow(line)}  took ${String(taken)}`;
  });
  if (leaves === undefined) return `${pc.red('withheld:')} ${withheld ?? ''}\n\n${table.join('\n')}\n`;
  const { structuredContent, ...others } = leaves;
  const parts = [
    ...(structuredContent === undefined ? [] : [drawn(structuredContent, before, '')]),
    ...(Object.keys(others).length === 0 ? [] : [JSON.stringify(others, undefined, 2)]),
  ];
  return `${parts.join('\n')}\n\n${table.join('\n')}\n`;
}

/** Indented JSON, with whatever is not as it was in colour. */
function drawn(after: Json, before: Json | undefined, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(after) && Array.isArray(before)) {
    const items = (after as Json[]).map((item, index) => inner + drawn(item, (before as Json[])[index], inner));
    return items.length === 0 ? '[]' : `[\n${items.join(',\n')}\n${indent}]`;
  }
  if (isJsonObject(after) && isJsonObject(before)) {
    const members = Object.entries(after).map(
      ([name, value]) => `${inner}${JSON.stringify(name)}: ${drawn(value, before[name], inner)}`,
    );
    return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`;
  }
  const written = JSON.stringify(after);
  return written === JSON.stringify(before) ? written : pc.yellow(written);
}
