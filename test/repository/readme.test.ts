// The README does as it says: its commands run, its snippet is the tested example, its lists name what there is.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareShop } from '../../src/demo/shop-postgres.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(resolve(root, 'README.md'), 'utf8');

/** Exit code of each command that is run here as written. */
const RUN: Readonly<Record<string, number>> = {
  'sallyport check policies': 0,
  'sallyport check policies --connect': 0,
  'sallyport explain --as ada --groups support refund_order order_id=1 amount=80': 3,
};
/** Commands that other tests run, or that run these tests. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm ci': '.ci/run',
  'npm test': '.ci/run',
  'npm run demo': 'test/e2e/demo.test.ts',
  'sallyport serve': 'test/e2e/serve.test.ts',
  'sallyport login --url http://127.0.0.1:8931': 'test/e2e/people-cli.test.ts',
  'sallyport approvals list --state pending': 'test/e2e/people-cli.test.ts',
  'sallyport approvals approve 019ab0c2-… --reason "the goods came back"': 'test/e2e/people-cli.test.ts',
  'sallyport principals list': 'test/e2e/people-cli.test.ts',
  'sallyport principals block agent support-agent --reason "it went astray"': 'test/e2e/people-cli.test.ts',
  'sallyport principals unblock agent support-agent --reason "its prompt is mended"': 'test/e2e/people-cli.test.ts',
  'sallyport backends disable shop --reason "the database is being moved"': 'test/e2e/people-cli.test.ts',
  'sallyport backends enable shop --reason "it has been moved"': 'test/e2e/people-cli.test.ts',
  'sallyport leases list': 'test/e2e/people-cli.test.ts',
  'sallyport leases revoke 019ab0c2-… --reason "seen where it does not belong"': 'test/e2e/people-cli.test.ts',
  'npm run bench': 'bench/call.ts measures, and fails nothing',
  'npm run bench:approvals': 'bench/approvals.ts measures, and fails nothing',
};

/** Texts of the fenced blocks of one language. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text!);
}

async function sallyport(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string }> {
  return promisify(execFile)(process.execPath, ['src/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    },
  );
}

const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));

test('every command of the README is run', () => {
  expect(new Set(commands)).toEqual(new Set([...commands.filter((line) => line in ELSEWHERE), ...Object.keys(RUN)]));
});

describe('commands run as written', () => {
  let database: TestDatabase;
  let env: Record<string, string>;
  beforeAll(async () => {
    database = await createTestDatabase();
    const shop = await prepareShop(database.adminUrl, { adminLogin: `${database.name}_admin` });
    env = {
      SHOP_DATABASE_URL: shop.databaseUrl,
      SHOP_ADMIN_URL: shop.adminUrl,
      OIDC_ISSUER: 'https://id.example.com',
      SALLYPORT_URL: 'http://127.0.0.1:8931/mcp',
    };
  });
  afterAll(() => database[Symbol.asyncDispose]());

  test.each(Object.entries(RUN))('%s', async (command, code) => {
    const result = await sallyport(command.split(' ').slice(1), env);
    expect(result, result.output).toMatchObject({ code });
  });
});

test('the snippet is the tested example', () => {
  expect(blocks('ts')).toEqual([readFileSync(resolve(root, 'examples/agents-sdk/main.ts'), 'utf8')]);
});

test('the policy file of the README holds', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-readme-'));
  try {
    writeFileSync(
      join(directory, 'shop.yaml'),
      blocks('yaml').find((text) => text.startsWith('version: 1'))!,
    );
    const result = await sallyport(['check', directory, '--json']);
    expect(result, result.output).toMatchObject({ code: 0 });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([[[]], [['log']], [['approvals']], [['tokens']]])(
  'the list of commands is that of `sallyport %j --help`',
  async (group: readonly string[]) => {
    const { output } = await sallyport([...group, '--help']);
    const offered = [...output.slice(output.indexOf('Commands:')).matchAll(/^ {2}([a-z]+) /gm)].map(
      ([, name]) => name!,
    );
    const [section = ''] = /^### Commands$.*?^### /ms.exec(readme) ?? [];
    const items = [...section.matchAll(/^- `[^:\n]*/gm)].join();
    const documented = (name: string): boolean => new RegExp(`\`${[...group, name].join(' ')}[ \`]`).test(items);
    expect(offered.length).toBeGreaterThan(2);
    expect(offered.filter((name) => name !== 'help' && !documented(name))).toEqual([]);
  },
);

test('every key of policy files is explained', () => {
  const reference = readFileSync(resolve(root, 'policies/README.md'), 'utf8');
  const explained = new Set(reference.match(/[A-Za-z]+/g));
  const keys = propertyNames(JSON.parse(readFileSync(resolve(root, 'policies/schema.json'), 'utf8')));
  expect(keys.size).toBeGreaterThan(20);
  expect([...keys].filter((key) => !explained.has(key))).toEqual([]);
});

/** Names of declared properties, at any depth. */
function propertyNames(schema: unknown): Set<string> {
  if (typeof schema !== 'object' || schema === null) return new Set();
  const { properties = {}, ...rest } = schema as { properties?: Record<string, unknown> };
  const parts = [...Object.values(properties), ...Object.values(rest)];
  return new Set([...Object.keys(properties), ...parts.flatMap((part) => [...propertyNames(part)])]);
}
