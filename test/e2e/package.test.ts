// The published file: packed from a copy of the repository, installed as npx would, and run.
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-package-'));
const copy = join(scratch, 'repository');
const application = join(scratch, 'application');
const installed = join(application, 'node_modules/sallyport');

/** The Node these tests run on comes first, as in every `npm run`. */
const env = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };

beforeAll(async () => {
  const parts = [
    'src',
    'tools',
    'policies',
    '.ci',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'LICENSE',
  ];
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
  // A directory of its own, because packing sets package.json aside in there.
  mkdirSync(join(copy, 'node_modules'));
  for (const name of globSync('node_modules/{*,.bin}', { cwd: root })) symlinkSync(join(root, name), join(copy, name));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', scratch], { cwd: copy, env });

  mkdirSync(application);
  writeFileSync(join(application, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const file = join(scratch, stdout.trim().split('\n').at(-1)!);
  // Without the optional packages the broker must run; only the demo needs them.
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--omit=optional', file], {
    cwd: application,
    env,
  });
}, 180_000);

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

async function sallyport(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return run(join(application, 'node_modules/.bin/sallyport'), args, { cwd: application, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
}

test('it says its version', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(await sallyport('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
});

test('it checks the policy files that come with it', async () => {
  const { code, stdout, stderr } = await sallyport('check', join(installed, 'dist/policies'));
  expect({ code, output: stdout + stderr }).toMatchObject({ code: 0 });
});

test('it says what the demo lacks', async () => {
  const { code, stderr } = await sallyport('demo', '--exit');
  expect(code).toBe(2);
  expect(stderr).toContain('npm install');
});

test('it offers sallyport/agents, with types', async () => {
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const condition of ['types', 'default'])
    expect(existsSync(join(installed, exports['./agents'][condition]))).toBe(true);
});

test('it brings no Node of its own, no tests and no TypeScript sources', () => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect(Object.keys(manifest.optionalDependencies).filter((name) => name.startsWith('node-'))).toEqual([]);
  expect(globSync('**/*.ts', { cwd: installed, exclude: ['**/*.d.ts'] })).toEqual([]);
  expect(existsSync(join(installed, 'test'))).toBe(false);
});

test('packing leaves package.json as it was', () => {
  expect(readFileSync(join(copy, 'package.json'), 'utf8')).toBe(readFileSync(join(root, 'package.json'), 'utf8'));
});
