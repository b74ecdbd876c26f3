// Holds a value against a zod schema and says what is wrong with it in the words of the files. Pure.
import type { z } from 'zod';
import { didYouMean } from '../core/nearest.ts';
import type { Report } from '../core/problem.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;
type Path = readonly (string | number)[];

const NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
};

export interface Parsed<Value> {
  /** Undefined where there was a problem. */
  readonly value: Value | undefined;
  /** Where the problems were; an unknown key is where it stands. */
  readonly failed: readonly Path[];
}

/**
 * Parses, and reports every issue at its place. No message holds a value that was found. A schema's own error text may have
 * a second line: it becomes the hint.
 *
 * @param skip paths whose problems have been reported already
 */
export function parseReporting<Value>(
  schema: z.ZodType<Value>,
  value: unknown,
  report: Report,
  skip: readonly Path[] = [],
): Parsed<Value> {
  const parsed = schema.safeParse(value, { error: words });
  if (parsed.success) return { value: parsed.data, failed: [] };
  const failed: Path[] = [];
  for (const issue of parsed.error.issues.flatMap((found) => flatten(found, []))) {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    if (issue.code === 'unrecognized_keys') failed.push(...issue.keys.map((key) => [...path, key]));
    else failed.push(path);
    if (skip.some((skipped) => skipped.every((step, index) => path[index] === step))) continue;
    // What the whole lacks may be what was skipped.
    if (path.length === 0 && skip.length > 0 && issue.code === 'custom') continue;
    reportIssue(issue, path, isMissing(value, path), report);
  }
  return { value: undefined, failed };
}

function reportIssue(issue: Issue, path: Path, missing: boolean, report: Report): void {
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(' ');
    for (const key of issue.keys) {
      report.error(
        { path: [...path, key], atKey: true },
        `unknown key "${key}"`,
        didYouMean(key, known) ?? `known here: ${known.join(', ')}`,
      );
    }
    return;
  }
  const [message = '', hint] = issue.message.split('\n');
  const said = missing ? `missing \`${String(path.at(-1))}\`: ${message}` : message;
  report.error({ path, ...(issue.code === 'invalid_key' ? { atKey: true } : {}) }, said, hint);
}

function isMissing(value: unknown, path: Path): boolean {
  const found = path.reduce<unknown>((node, step) => (node as Record<string, unknown> | undefined)?.[step], value);
  return path.length > 0 && found === undefined;
}

/** A union's issues are those of the alternative that the value was meant for, where that is plain. */
function flatten(issue: Issue, prefix: readonly PropertyKey[]): Issue[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'invalid_key') return [{ ...issue, path, message: issue.issues[0]?.message ?? issue.message }];
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.filter(
      (issues) => !issues.some((one) => one.code === 'invalid_type' && one.path.length === 0),
    );
    if (meant.length === 1) return (meant[0] ?? []).flatMap((one) => flatten(one, path));
    const expected = issue.errors.flatMap((issues) =>
      issues[0]?.code === 'invalid_type' ? [NAMES[issues[0].expected] ?? issues[0].expected] : [],
    );
    return [{ ...issue, path, message: expected.length > 0 ? `expected ${expected.join(' or ')}` : issue.message }];
  }
  return [{ ...issue, path }];
}

/** What is expected, for each kind of issue. Zod's own words, where these have none, hold no value either. */
function words(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      // The known keys: `reportIssue` makes a hint of them.
      const { inst } = issue as { inst?: { _zod: { def: { shape?: object } } } };
      return Object.keys(inst?._zod.def.shape ?? {}).join(' ');
    }
    case 'invalid_type':
      return `expected ${NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value': {
      const [only] = issue.values;
      const known = issue.values.map(String).join(', ');
      const hint = typeof issue.input === 'string' ? didYouMean(issue.input, issue.values.map(String)) : undefined;
      return `expected ${issue.values.length === 1 ? String(only) : `one of ${known}`}${hint === undefined ? '' : `\n${hint}`}`;
    }
    case 'invalid_union': {
      // The alternatives of a block are told apart by one of its keys.
      const known = (issue as { options?: readonly unknown[] }).options?.map(String);
      return known === undefined ? undefined : `expected one of ${known.join(', ')}`;
    }
    case 'too_small':
      return `expected ${bound('at least', 'more than', issue.inclusive)} ${amount(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `expected ${bound('at most', 'less than', issue.inclusive)} ${amount(issue.maximum, issue.origin)}`;
    default:
      return undefined;
  }
}

function bound(inclusive: string, exclusive: string, isInclusive: boolean | undefined): string {
  return isInclusive === false ? exclusive : inclusive;
}

function amount(bound: number | bigint, origin: string): string {
  const count = String(bound);
  if (origin === 'string') return `${count} ${count === '1' ? 'character' : 'characters'}`;
  if (origin === 'array') return `${count} ${count === '1' ? 'entry' : 'entries'}`;
  return count;
}
