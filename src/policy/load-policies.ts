// Policy files → one policy set, or every problem in all of them at once. Called by serve, check and explain.
import { createHash } from 'node:crypto';
import { resolve, sep } from 'node:path';
import type { Channel } from '../core/approval.ts';
import type { PolicySet } from '../core/policy.ts';
import { byPlace, type Problem, problemText } from '../core/problem.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Tool } from '../core/tool.ts';
import { argumentValidators } from './argument-validator.ts';
import { compileBackend, type CompiledBackend, type Implementations } from './compile-backends.ts';
import { compileRule, type CompiledRule } from './compile-rules.ts';
import { type CompiledDeclaration, compileTool } from './compile-tools.ts';
import { type Declared, type DeclaredFiles, readDeclaredFiles } from './declared-files.ts';
import type { FileState } from './documents.ts';
import { TOOL_NAME } from './file-schema.ts';
import { withJustification } from './justification.ts';
import type { NamedIssuer } from './principal-match.ts';
import { warnOfIdleRules, warnOfIdleTools } from './rule-coverage.ts';

export interface LoadOptions extends Implementations {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Those of the configuration; left out, rules may name any. */
  readonly issuers?: readonly NamedIssuer[];
  /** Those of the configuration; left out, rules may name any. */
  readonly channels?: readonly Channel[];
  /** Whether the configuration lets people sign in; left out, it is taken for granted. */
  readonly people?: boolean;
  /** What a reference is whose variable or file is not there: for `serve` an error, for a check elsewhere a warning. */
  readonly unset?: 'error' | 'warning';
}

export interface LoadedPolicies {
  /** Undefined where there is an error. With `unset: 'warning'`, tools whose references were unset refuse to be called. */
  readonly policies: PolicySet | undefined;
  /** By place. */
  readonly problems: readonly Problem[];
  /** The files beside the policies that they name, by absolute path, with their state just before they were read. */
  readonly documents: ReadonlyMap<string, FileState>;
  /** By name; undefined where the kind is not known. */
  readonly backends: ReadonlyMap<string, CompiledBackend | undefined>;
  /** Asks every backend, and every login that makes credentials; resolves with all problems, those above among them. */
  examine(signal: AbortSignal): Promise<readonly Problem[]>;
}

/** @param directory as the user typed it: problems name files below it */
export async function loadPolicies(directory: string, options: LoadOptions): Promise<LoadedPolicies> {
  const problems: Problem[] = [];
  const files = await readDeclaredFiles(directory, problems);
  const sources = { env: options.env, directory: files.directory };
  const backends = new Map<string, CompiledBackend | undefined>();
  for (const declared of files.backends) {
    backends.set(declared.name, await compileBackend(declared, options, sources, options.unset ?? 'error'));
  }
  const documents = new Map([...backends.values()].flatMap((backend) => [...(backend?.documents ?? [])]));
  warnOfUnread(files.directories, documents, problems);
  const { tools, checkable, declarations } = compileTools(files, backends, options);
  const made = files.tools.map((declared) => [declared.name, namesOf(declared, declarations)] as const);
  const surroundings = {
    named: new Map([...made, ...[...tools.keys()].map((name) => [name, [name]] as const)]),
    tools: checkable,
    issuers: options.issuers,
    channels: options.channels,
    people: options.people,
    incomplete: files.incomplete,
  };
  const rules = files.rules.flatMap((declared) => compileRule(declared, surroundings) ?? []);
  if (rules.length === files.rules.length && !files.incomplete) {
    warnOfIdleRules(rules);
    for (const [index, declared] of files.tools.entries()) warnOfIdleTools(declared, made[index]?.[1] ?? [], rules);
  }
  const found = tidy(problems);
  return {
    policies: found.some(({ severity }) => severity === 'error')
      ? undefined
      : policySet(versionOf(files, backends), tools, rules),
    problems: found,
    documents,
    backends,
    examine: async (signal) => {
      const known = [...backends.values()].filter((backend) => backend !== undefined);
      await Promise.all(known.map((backend) => examineBackend(backend, declarations, signal)));
      return tidy(problems);
    },
  };
}

interface CompiledTools {
  readonly tools: ReadonlyMap<string, Tool>;
  /** Those whose arguments are what was declared: conditions can be held against them. */
  readonly checkable: ReadonlyMap<string, Tool>;
  readonly declarations: ReadonlyMap<Declared, CompiledDeclaration>;
}

function compileTools(
  { tools: declaredTools, incomplete }: DeclaredFiles,
  backends: ReadonlyMap<string, CompiledBackend | undefined>,
  { masks }: LoadOptions,
): CompiledTools {
  const tools = new Map<string, Tool>();
  const checkable = new Map<string, Tool>();
  const declarations = new Map<Declared, CompiledDeclaration>();
  const validator = argumentValidators();
  for (const declared of declaredTools) {
    const name = declared.raw['backend'];
    if (typeof name === 'string' && !backends.has(name) && !incomplete) {
      const hint = didYouMean(name, backends.keys()) ?? 'declare it under `backends`';
      declared.file.report(declared.path).error({ path: ['backend'] }, `unknown backend "${name}"`, hint);
    }
    const backend = typeof name === 'string' ? backends.get(name) : undefined;
    const compiled = compileTool(declared, backend, masks, validator);
    if (compiled === undefined) continue;
    declarations.set(declared, compiled);
    for (const tool of compiled.tools) {
      const at = { path: [], atKey: true };
      if (!TOOL_NAME.test(tool.name))
        compiled.report.error(at, `a tool cannot be called "${tool.name}"`, 'at most 64 letters, digits and "_"');
      else if (tools.has(tool.name))
        compiled.report.error(at, `this makes a tool "${tool.name}", and another is called so too`);
      else {
        tools.set(tool.name, tool);
        if (compiled.inputSound) checkable.set(tool.name, tool);
      }
    }
  }
  return { tools, checkable, declarations };
}

async function examineBackend(
  { declared: { name, file, path }, ref, kind, known, provider, report }: CompiledBackend,
  declarations: ReadonlyMap<Declared, CompiledDeclaration>,
  signal: AbortSignal,
): Promise<void> {
  const tools = [...declarations.values()].filter(({ declared }) => declared.backend.name === name);
  await Promise.all([
    known && kind.examine({ backend: known, credential: ref.credential, report, tools }, signal),
    provider?.examine(ref.credential?.options, file.report([...path, 'credential']), signal),
  ]);
}

/** SHA-256 (hex) over the policy files, and over the documents that they name. */
function versionOf({ version }: DeclaredFiles, backends: ReadonlyMap<string, CompiledBackend | undefined>): string {
  const texts = [...backends].flatMap(([name, backend]) =>
    [...(backend?.known?.documents ?? [])].map(([key, { text }]) => [name, key, text] as const),
  );
  if (texts.length === 0) return version;
  return createHash('sha256')
    .update(JSON.stringify([version, texts]))
    .digest('hex');
}

/** A directory may hold documents; policy files in it would be missed. */
function warnOfUnread(
  directories: readonly string[],
  documents: ReadonlyMap<string, unknown>,
  problems: Problem[],
): void {
  for (const file of directories) {
    if ([...documents.keys()].some((document) => document.startsWith(resolve(file) + sep))) continue;
    const message = 'directories in a policy directory are not read';
    problems.push({ severity: 'warning', file, line: 1, column: 1, message });
  }
}

/** The tools that a declaration makes; where it could not be compiled, the one it is called after. */
function namesOf(declared: Declared, declarations: ReadonlyMap<Declared, CompiledDeclaration>): readonly string[] {
  const made = declarations.get(declared)?.tools.map(({ name }) => name) ?? [];
  return made.length === 0 ? [declared.name] : made;
}

function policySet(version: string, tools: ReadonlyMap<string, Tool>, rules: readonly CompiledRule[]): PolicySet {
  const justified = new Set(
    rules.filter(({ rule }) => rule.approval?.justificationRequired === true).flatMap((rule) => [...rule.tools]),
  );
  const offered = [...tools].map(
    ([name, tool]) => [name, justified.has(name) ? withJustification(tool) : tool] as const,
  );
  return Object.freeze<PolicySet>({
    version,
    tools: new Map(offered),
    rules: Object.freeze(rules.map(({ rule }) => rule)),
  });
}

/** By place, and each once: the masks of a backend are compiled with each of its tools, conditions with each of theirs. */
function tidy(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [problemText(problem), problem])).values()].sort(byPlace);
}
