// A child process that cannot outlive its broker: alone in its process group, with the environment that was declared and
// no other. Effectful; used by the stdio transport.
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import { STOP_GRACE_MS } from './limits.ts';

/**
 * The shell becomes the command; before that it leaves a watcher behind in the same group. The watcher reads from a socket
 * (fd 3) whose other end the broker alone holds: however the broker ends, kill -9 included, the read ends with it, and the
 * watcher kills the group. It holds no other descriptor, so that the end of the child's output is seen.
 */
const WATCHED = `
(trap '' TERM HUP INT; exec 0<&- 1>&- 2>&-; read -r _ <&3; kill -KILL 0) &
exec 3<&-
unset $UNSET
unset UNSET
exec "$@"
`;

/** What some shells set in an environment by themselves. */
const SHELL_SETS = ['PWD', 'OLDPWD', 'SHLVL', '_'];

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** All of it. */
  readonly env: Readonly<Record<string, string>>;
}

export class WatchedChild {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process has ended, with how; rejects when it could not be started. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  readonly #watch: Duplex;

  constructor(command: Command) {
    const file = findExecutable(command);
    const unset = SHELL_SETS.filter((name) => !Object.hasOwn(command.env, name)).join(' ');
    const child = spawn('/bin/sh', ['-c', WATCHED, 'sh', file, ...command.args], {
      cwd: command.directory,
      env: { ...command.env, UNSET: unset },
      // Its own session and group, so that a signal reaches whatever it starts.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.#process = child;
    [this.stdin, this.stdout, this.stderr, this.#watch] = child.stdio as unknown as [
      Writable,
      Readable,
      Readable,
      Duplex,
    ];
    // What is written to a child that has ended fails; that it has ended is told by `ended`.
    for (const stream of [this.stdin, this.stdout, this.stderr, this.#watch]) stream.on('error', () => undefined);
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        // Whatever it left behind ends with it.
        this.#watch.destroy();
        resolve(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
      });
    });
    this.ended.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Closes its input and asks it to end; after the grace it, and all it started, is killed. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.stdin.end();
    this.#signal('SIGTERM');
    const kill = setTimeout(() => this.kill(), STOP_GRACE_MS);
    await this.ended.catch(() => undefined);
    clearTimeout(kill);
  }

  kill(): void {
    this.#signal('SIGKILL');
    this.#watch.destroy();
  }

  /** The watcher keeps the group's number from being given away for as long as the socket is open. */
  #signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

/** Looked up by the broker's own PATH: the child's environment need not have one. Throws for what cannot be run. */
function findExecutable({ file, directory }: Command): string {
  const candidates = file.includes('/')
    ? [resolve(directory, file)]
    : (process.env['PATH'] ?? '').split(delimiter).map((directory) => resolve(directory, file));
  const found = candidates.find(isExecutable);
  if (found === undefined) throw new Error(`there is no program "${file}"`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
