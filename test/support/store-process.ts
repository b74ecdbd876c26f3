// A process that holds a SQLite store open, for tests that kill it, starve it of disk, or run two of them.
// Started with `fork`: appends what it is told to, and says what became of it.
import { loadKeys } from '../../src/store/keys.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

export type Told =
  | { readonly do: 'append'; readonly name: string; readonly bytes?: number }
  | { readonly do: 'append-forever'; readonly callers: number; readonly prefix: string };

export type Said =
  | { readonly kind: 'ready' }
  | { readonly kind: 'acknowledged'; readonly name: string; readonly seq: number }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly error: string;
      readonly ms: number;
      readonly healthy: boolean;
    };

const [, , directory = ''] = process.argv;
const keys = await loadKeys(`${directory}/keys`);
const store = await openSqliteStore({ file: `${directory}/sallyport.db`, keys });

function say(said: Said): void {
  process.send!(said);
}

async function append(name: string, bytes = 0): Promise<void> {
  const started = performance.now();
  const problems = bytes === 0 ? [name] : [name, 'x'.repeat(bytes)];
  try {
    const [seq] = await store.commit({
      entries: [{ body: { type: 'policy.refused', problems }, payloads: { arguments: { name } } }],
    });
    say({ kind: 'acknowledged', name, seq: seq! });
  } catch (error) {
    const ms = performance.now() - started;
    say({ kind: 'failed', name, error: (error as Error).name, ms, healthy: store.health().ok });
  }
}

async function appendForever(prefix: string): Promise<never> {
  for (let count = 0; ; count++) await append(`${prefix}-${count}`);
}

process.on('message', (told: Told) => {
  if (told.do === 'append') void append(told.name, told.bytes);
  else for (let caller = 0; caller < told.callers; caller++) void appendForever(`${told.prefix}-${caller}`);
});
say({ kind: 'ready' });
