// What must not compile in test/types does not, and each expectation is one that the compiler would complain about.
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const EXPECTATION = /^\s*\/\/ @ts-expect-error.*$/gm;

const root = resolve(import.meta.dirname, '../..');
const files = globSync('test/types/*.ts', { cwd: root }).map((file) => resolve(root, file));
const { options } = ts.getParsedCommandLineOfConfigFile(resolve(root, 'tsconfig.json'), undefined, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: () => expect.unreachable('tsconfig.json cannot be read'),
})!;

/** What the two programs have in common, the libraries above all, is read once. */
const read = new Map<string, ts.SourceFile | undefined>();

/** Messages of the compiler about `files`, whose texts `change` may alter first. */
function complaints(change: (text: string) => string): string[] {
  const host = ts.createCompilerHost(options);
  const readFile = host.readFile.bind(host);
  host.readFile = (name) => (files.includes(name) ? change(readFile(name)!) : readFile(name));
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...how) => {
    if (files.includes(name)) return parse(name, ...how);
    if (!read.has(name)) read.set(name, parse(name, ...how));
    return read.get(name);
  };
  const program = ts.createProgram(files, options, host);
  return files.flatMap((file) => {
    const source = program.getSourceFile(file)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText, start }) =>
        `${String(source.getLineAndCharacterOfPosition(start!).line + 1)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
}

test('a skipped door does not compile', () => {
  expect(complaints((text) => text)).toEqual([]);
});

test('every expected error is one', () => {
  const expected = files.flatMap((file) => readFileSync(file, 'utf8').match(EXPECTATION) ?? []);
  expect(expected.length).toBeGreaterThan(10);
  expect(complaints((text) => text.replaceAll(EXPECTATION, ''))).toHaveLength(expected.length);
});
