// Where checkpoints go besides the store. One kept elsewhere is what finds a store that was cut or rewritten.
import { open, readFile, rename } from 'node:fs/promises';
import type { Writable } from 'node:stream';

/** Resolves when the note is where it should be; throws where it is not. */
export type Publish = (note: string) => Promise<void>;

const HTTP_TIMEOUT_MS = 5_000;

/** Replaces a file with the newest checkpoint, whole or not at all. For a file on another volume. */
export function publishToFile(file: string): Publish {
  return async (note) => {
    const draft = `${file}.new`;
    await using handle = await open(draft, 'w', 0o644);
    await handle.writeFile(note);
    await handle.sync();
    await rename(draft, file);
  };
}

/** One JSON line for each checkpoint, for whatever collects the process's output. */
export function publishToStream(stream: Writable): Publish {
  return async (note) => void stream.write(`${JSON.stringify({ checkpoint: note })}\n`);
}

/** POSTs the note as text. Throws unless the answer is 2xx. */
export function publishToAddress(address: string): Publish {
  return async (note) => {
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: note,
      signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  };
}

/** What `publishToFile` left there; undefined before the first time. */
export async function publishedInFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
