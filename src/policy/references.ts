// `${env:NAME}` and `${file:PATH}` in values. Reads files; never lets what it read into a message.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { didYouMean } from '../core/nearest.ts';
import type { ProblemPlace, Report } from '../core/problem.ts';

const REFERENCE = /\$\{(?:(env|file):([^{}]+)\})?/g;
/** A secret in a file is a line, or a key of a few kilobytes. */
const MAX_FILE_BYTES = 65_536;

export interface ReferenceSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What relative paths are relative to. */
  readonly directory: string;
}

export interface Resolved {
  readonly value: unknown;
  /** Paths of values with a reference that is missing or malformed; they are undefined in `value`. */
  readonly unresolved: readonly (readonly (string | number)[])[];
}

/**
 * Replaces every reference in the strings of a value. A missing one is reported with `severity` and never becomes a literal;
 * a malformed one is always an error. One line break at the end of a file is not part of what it says.
 */
export function resolveReferences(
  value: unknown,
  sources: ReferenceSources,
  report: Report,
  severity: 'error' | 'warning' = 'error',
): Resolved {
  const unresolved: (readonly (string | number)[])[] = [];

  const text = (written: string, path: readonly (string | number)[]): string | undefined => {
    let failed = false;
    const resolved = written.replaceAll(
      REFERENCE,
      (whole, scheme: string | undefined, name: string, offset: number) => {
        const place = { path, offset };
        if (scheme === undefined) {
          failed = true;
          report.error(
            place,
            '"${" starts a reference, and this one is malformed',
            'write ${env:NAME} or ${file:PATH}',
          );
          return whole;
        }
        const found = scheme === 'env' ? sources.env[name] : readSecretFile(resolve(sources.directory, name));
        if (typeof found === 'string' && found !== '') return found;
        failed = true;
        if (scheme === 'env') {
          const set = Object.keys(sources.env).filter((known) => known !== name && sources.env[known] !== undefined);
          const what = found === '' ? 'is empty' : 'is not set';
          report[severity](
            place,
            `environment variable ${name} ${what}`,
            didYouMean(name, set) ?? 'set it where the broker runs',
          );
        } else {
          report[severity](
            place,
            `file ${name} ${found === '' ? 'is empty' : `cannot be read: ${found?.code ?? 'it is too large'}`}`,
          );
        }
        return whole;
      },
    );
    if (!failed) return resolved;
    unresolved.push(path);
    return undefined;
  };

  const walk = (node: unknown, path: readonly (string | number)[]): unknown => {
    if (typeof node === 'string') return text(node, path);
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])]));
  };

  return { value: walk(value, []), unresolved };
}

/** Where references stand in a value; other uses of `${` are none. */
export function findReferences(value: unknown, path: readonly (string | number)[] = []): ProblemPlace[] {
  if (typeof value === 'string') {
    return [...value.matchAll(/\$\{(?:env|file):/g)].map(({ index }) => ({ path, offset: index }));
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => findReferences(item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => findReferences(item, [...path, key]));
}

function readSecretFile(path: string): string | { readonly code: string } {
  try {
    const bytes = readFileSync(path);
    return bytes.length > MAX_FILE_BYTES ? { code: 'it is too large' } : bytes.toString('utf8').replace(/\r?\n$/, '');
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown error' };
  }
}
