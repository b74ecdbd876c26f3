// Documents beside the policies that backends name: an OpenAPI description, pinned definitions. Reads files.
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Document, NamedDocument } from '../../tools/tool-kind.ts';
import { MAX_DOCUMENT_BYTES } from '../core/limits.ts';
import type { Report } from '../core/problem.ts';

/** Changes whenever a file is written or replaced; undefined while there is none. */
export type FileState = string | undefined;

interface ReadDocuments {
  readonly documents: ReadonlyMap<string, Document>;
  /** By absolute path, from just before each was read: also of those that could not be. */
  readonly states: ReadonlyMap<string, FileState>;
}

/** Problems are reported at the keys that name the documents. */
export async function readDocuments(
  named: readonly NamedDocument[],
  directory: string,
  report: Report,
): Promise<ReadDocuments> {
  const documents = new Map<string, Document>();
  const states = new Map<string, FileState>();
  for (const { key, file: written, optional } of named) {
    const file = resolve(directory, written);
    states.set(file, await fileState(file));
    try {
      const { size } = await stat(file);
      if (size > MAX_DOCUMENT_BYTES) {
        report.error({ path: [key] }, `the file is larger than ${String(MAX_DOCUMENT_BYTES / 1_048_576)} MiB`);
        continue;
      }
      documents.set(key, { file, text: await readFile(file, 'utf8') });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (optional === true && code === 'ENOENT') continue;
      report.error({ path: [key] }, `the file cannot be read: ${code}`, 'its path is relative to the policy directory');
    }
  }
  return { documents, states };
}

/** Of a link's target, so that a swapped link is a change. */
export async function fileState(file: string): Promise<FileState> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return [ino, size, mtimeMs].join(' ');
  } catch {
    return undefined;
  }
}
