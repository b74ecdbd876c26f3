// Reads every policy file of a directory, and takes it apart into declarations that know where they stand.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isJsonObject } from '../core/json.ts';
import type { Problem, ProblemPlace } from '../core/problem.ts';
import { fileSchema } from './file-schema.ts';
import { parseReporting } from './schema-problems.ts';
import { YamlFile } from './yaml-file.ts';

/** A backend, tool or rule, as it is written. */
export interface Declared {
  readonly name: string;
  readonly raw: Readonly<Record<string, unknown>>;
  readonly file: YamlFile;
  /** Where it stands in its file. */
  readonly path: ProblemPlace['path'];
}

export interface DeclaredFiles {
  /** SHA-256 (hex) over the names and texts of the files. */
  readonly version: string;
  readonly backends: readonly Declared[];
  readonly tools: readonly Declared[];
  readonly rules: readonly Declared[];
  /** As the user would type them: policy files are not looked for there. */
  readonly directories: readonly string[];
  /** A file could not be read, so what seems to be missing may stand there. */
  readonly incomplete: boolean;
  /** Absolute; what `${file:…}` is relative to. */
  readonly directory: string;
}

export async function readDeclaredFiles(directory: string, problems: Problem[]): Promise<DeclaredFiles> {
  const at = { severity: 'error', file: directory, line: 1, column: 1 } as const;
  const version = createHash('sha256');
  const backends: Declared[] = [];
  const tools: Declared[] = [];
  const rules: Declared[] = [];
  let incomplete = false;
  const { names, directories } = await policyFileNames(directory, problems);
  for (const name of names) {
    const path = join(directory, name);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      problems.push({ ...at, file: path, message: `cannot be read: ${errorCode(error)}` });
      return undefined;
    });
    if (text === undefined) {
      incomplete = true;
      continue;
    }
    version.update(JSON.stringify([name, text]));
    const file = new YamlFile(path, text, problems);
    if (file.unreadable) incomplete = true;
    else parseReporting(fileSchema, file.value, file.report());
    backends.push(...named(file, 'backends'));
    tools.push(...named(file, 'tools'));
    rules.push(...listed(file, 'rules'));
  }
  reportTwice('backend', backends);
  reportTwice('tool', tools);
  reportTwice('rule', rules);
  const read = { backends, tools, rules, directories, incomplete };
  return { version: version.digest('hex'), ...read, directory: resolve(directory) };
}

/** `*.yaml` and `*.yml`, sorted. Names that start with a dot are how Kubernetes swaps the files of a mounted directory. */
async function policyFileNames(
  directory: string,
  problems: Problem[],
): Promise<{ readonly names: readonly string[]; readonly directories: readonly string[] }> {
  const at = { file: directory, line: 1, column: 1 };
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    const names = entries.filter((entry) => /^[^.].*\.ya?ml$/.test(entry.name)).map(({ name }) => name);
    if (names.length === 0) {
      problems.push({ ...at, severity: 'error', message: 'there are no policy files (*.yaml) in this directory' });
    }
    const directories = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
    return { names: names.sort(), directories: directories.map(({ name }) => join(directory, name)) };
  } catch (error) {
    const code = errorCode(error);
    const [message, hint] =
      code === 'ENOENT'
        ? ['there is no such policy directory', 'create it, or name another']
        : [`the policy directory cannot be read: ${code}`, 'let the broker read it, or name another'];
    problems.push({ ...at, severity: 'error', message, hint });
    return { names: [], directories: [] };
  }
}

function named(file: YamlFile, section: string): Declared[] {
  const entries = isRecord(file.value) ? file.value[section] : undefined;
  if (!isRecord(entries)) return [];
  return Object.entries(entries).flatMap(([name, raw]) =>
    isRecord(raw) ? [{ name, raw, file, path: [section, name] }] : [],
  );
}

function listed(file: YamlFile, section: string): Declared[] {
  const entries = isRecord(file.value) ? file.value[section] : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((raw: unknown, index) => {
    if (!isRecord(raw)) return [];
    return [{ name: typeof raw['id'] === 'string' ? raw['id'] : '', raw, file, path: [section, index] }];
  });
}

/** The same name in one file or in two is reported at each place. */
function reportTwice(what: string, declared: readonly Declared[]): void {
  const place = ({ path }: Declared): ProblemPlace =>
    what === 'rule' ? { path: [...path, 'id'] } : { path, atKey: true };
  for (const one of declared) {
    const other = declared.find((another) => another !== one && another.name === one.name);
    if (other === undefined || one.name === '') continue;
    const message = `another ${what} is called "${one.name}" too: ${other.file.position(place(other))}`;
    one.file.report().error(place(one), message, 'give one of them another name');
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isJsonObject(value);
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
