// The peer: Google's MCP Toolbox, which serves the same SQL to anybody who asks. Installed on demand, outside package.json:
// it is for comparison alone, and 300 MB.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { untilAnswering } from './until-answering.ts';
import { freePort } from '../src/demo/free-port.ts';

const PACKAGE = '@toolbox-sdk/server@1.12.0';

export interface Toolbox extends AsyncDisposable {
  readonly url: URL;
  readonly pid: number;
}

/** Starts it with one tool. Undefined, with the reason on standard error, where it cannot be installed. */
export async function startToolbox(
  database: URL,
  tool: { readonly name: string; readonly sql: string; readonly parameter: string },
  scratch: string,
): Promise<Toolbox | undefined> {
  const program = await install().catch((error: unknown) => {
    process.stderr.write(`no peer to measure against: ${PACKAGE} cannot be installed (${String(error)})\n`);
    return undefined;
  });
  if (program === undefined) return undefined;

  const config = join(scratch, 'toolbox.yaml');
  writeFileSync(config, declaration(database, tool));
  const port = await freePort();
  const child = spawn(
    program,
    ['--config', config, '--port', String(port), '--disable-version-check', '--disable-reload', '--log-level', 'ERROR'],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const url = new URL(`http://127.0.0.1:${String(port)}/mcp`);
  await untilAnswering(url, child);
  return {
    url,
    pid: child.pid ?? Number.NaN,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function install(): Promise<string> {
  const directory = resolve('node_modules/.cache/bench-toolbox');
  const platform = `server-${process.platform}-${process.arch}`;
  // The binary itself: the package's own starter would leave it behind when it is stopped.
  const program = join(directory, 'node_modules/@toolbox-sdk', platform, 'bin/toolbox');
  if (!existsSync(program)) {
    mkdirSync(directory, { recursive: true });
    process.stderr.write(`installing ${PACKAGE} to measure against …\n`);
    await promisify(execFile)('npm', ['install', '--prefix', directory, '--no-save', PACKAGE]);
  }
  return program;
}

function declaration(database: URL, tool: { name: string; sql: string; parameter: string }): string {
  const source = {
    kind: 'source',
    name: 'shop',
    type: 'postgres',
    host: database.hostname,
    port: database.port,
    database: database.pathname.slice(1),
    user: decodeURIComponent(database.username),
    password: decodeURIComponent(database.password),
  };
  const operation = {
    kind: 'tool',
    name: tool.name,
    type: 'postgres-sql',
    source: 'shop',
    description: 'The same statement, for whoever asks.',
    statement: tool.sql.replace(`:${tool.parameter}`, '$1'),
    parameters: [{ name: tool.parameter, type: 'string', description: 'Bound to the statement.' }],
  };
  // JSON is YAML.
  return [source, operation].map((document) => JSON.stringify(document)).join('\n---\n');
}
