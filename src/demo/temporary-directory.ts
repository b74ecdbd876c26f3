// A directory of the demo's own, which goes when the demo ends: in good order, or killed without a word. Effectful.
import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

// Waits until nobody holds the other end of its standard input, which also happens when the holder is killed.
const KEEPER = `trap '' INT TERM HUP; cat >/dev/null; rm -rf -- "$1"`;

/** Readable by this user alone. When disposing resolves, it is gone. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
  // Detached, so that Ctrl-C in a terminal reaches the demo alone, and the directory outlives what uses it.
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', path], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await new Promise((resolve, reject) => keeper.once('spawn', resolve).once('error', reject));
  const gone = new Promise<void>((resolve) => {
    keeper.once('exit', () => {
      resolve();
    });
  });
  keeper.unref();
  return {
    path,
    async [Symbol.asyncDispose]() {
      keeper.ref();
      keeper.stdin.end();
      await gone;
    },
  };
}
