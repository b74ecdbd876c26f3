// The kind that tools/README.md tells how to write: compiled as it stands there, loaded by its policy file, and called.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problemText } from '../../src/core/problem.ts';
import { noCredential } from '../../src/credential/no-credential.ts';
import { loadPolicies } from '../../src/policy/load-policies.ts';
import { toolKinds } from '../../tools/kinds.ts';
import type { ToolKind } from '../../tools/tool-kind.ts';
import { httpLease } from '../support/http-backend.ts';
import { doubles } from '../support/policy-doubles.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'tools/README.md'), 'utf8');
const block = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(readme)?.[1] ?? '';

/** Where the README says that it stands. */
const PLACE = join(root, 'tools/time/time-kind.ts');

let directory: string;
let kind: ToolKind;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-kind-'));
  const absolute = block('ts').replaceAll(
    /from '(\..*?)'/g,
    (_, path: string) => `from '${resolve(dirname(PLACE), path)}'`,
  );
  const file = join(directory, 'time-kind.ts');
  writeFileSync(file, absolute.replace("from 'zod'", `from '${join(root, 'node_modules/zod/index.js')}'`));
  writeFileSync(join(directory, 'clock.yaml'), block('yaml'));
  ({ timeKind: kind } = (await import(pathToFileURL(file).href)) as { timeKind: ToolKind });
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

test('it compiles, by the rules of this repository', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => name === PLACE || disk.fileExists(name),
    readFile: (name) => (name === PLACE ? block('ts') : disk.readFile(name)),
    getSourceFile: (name, version) =>
      name === PLACE ? ts.createSourceFile(name, block('ts'), version) : disk.getSourceFile(name, version),
  };
  const program = ts.createProgram([PLACE], { ...options, noEmit: true, incremental: false }, host);
  const problems = ts.getPreEmitDiagnostics(program, program.getSourceFile(PLACE));
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});

test('its policy file loads, and its tool can be called', async () => {
  const { policies, problems } = await loadPolicies(directory, {
    ...doubles,
    kinds: [kind],
    providers: [noCredential],
    env: {},
  });
  expect(problems.map(problemText)).toEqual([]);
  const tool = policies?.tools.get('what_time');
  if (tool === undefined) throw new Error('no tool');
  expect(tool.annotations.readOnly).toBe(true);
  await using lease = httpLease();
  const { structured } = await lease.call(tool, { zone: 'Asia/Tokyo' });
  expect(structured).toEqual({ time: expect.stringMatching(/^\d+:\d\d:\d\d [AP]M GMT\+9$/) as string });
  expect(tool.validate({ zone: 7 })).toEqual(['zone: must be string']);
  await expect(lease.call(tool, { zone: 'Mars' })).rejects.toMatchObject({ code: 'backend_rejected' });
  await expect(lease.call(tool, {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
});

test('its mistakes are reported where they stand', async () => {
  writeFileSync(
    join(directory, 'clock.yaml'),
    block('yaml').replace('zone: { type', 'place: { type').replace('long', 'wide'),
  );
  const { problems } = await loadPolicies(directory, { ...doubles, kinds: [kind], providers: [noCredential], env: {} });
  expect(problems.map((problem) => problemText(problem).replace(`${directory}/`, ''))).toEqual([
    'clock.yaml:7:12: error: expected one of short, long',
    'clock.yaml:10:7: error: a time tool has one argument (call it zone)',
  ]);
});

test('the README of tools names every kind', () => {
  const intro = readme.slice(0, readme.indexOf('## Add a kind'));
  for (const { kind: name } of toolKinds()) expect(intro).toContain(`[${name}](${name}/README.md)`);
});
