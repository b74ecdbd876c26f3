// Keeps the policy set in force: reads the files again when they change, and puts a valid set in the place of the old one.
import { watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { ConfigurationError, type Problem } from '../core/problem.ts';
import type { PolicySet } from '../core/policy.ts';
import { fileState, type FileState } from './documents.ts';
import { loadPolicies, type LoadOptions } from './load-policies.ts';

/** An editor or a deployment writes several files, or one several times. */
const SETTLE_MS = 200;
/** Some mounts send no events: files are looked at this often all the same. */
const LOOK_AGAIN_MS = 5_000;

export interface PolicySourceOptions {
  readonly load: Omit<LoadOptions, 'unset'>;
  /** A valid set was read. It is in force once this resolves; where it rejects, the old one stays and it is tried again. */
  onLoaded(set: PolicySet): Promise<void>;
  /** The files have errors, and the set in force stays. */
  onRefused(problems: readonly Problem[]): Promise<void>;
}

export interface PolicySource extends AsyncDisposable {
  /** The set in force. A call takes it once, and sees one set throughout. */
  current(): PolicySet;
  /** Reads the files now, changed or not: what references stand for may have changed. Never rejects. */
  reload(): Promise<void>;
}

/** Throws ConfigurationError where the files have errors, and whatever `onLoaded` throws. */
export async function openPolicySource(directory: string, options: PolicySourceOptions): Promise<PolicySource> {
  let files = await stateOfFiles(directory);
  const first = await loadPolicies(directory, options.load);
  if (first.policies === undefined) throw new ConfigurationError(first.problems);
  await options.onLoaded(first.policies);
  let seen = state(files, first.documents);
  let { documents } = first;
  let current = first.policies;
  let last: Promise<void> = Promise.resolve();

  async function look(): Promise<string> {
    files = await stateOfFiles(directory);
    const paths = [...documents.keys()];
    return state(files, new Map(await Promise.all(paths.map(async (path) => [path, await fileState(path)] as const))));
  }

  async function replace(onlyIfChanged: boolean): Promise<void> {
    let found = await look();
    if (onlyIfChanged && found === seen) return;
    // A deployment that is half done may lack the file that denies: what is read must have come to rest.
    for (let before; onlyIfChanged && found !== before; found = await look()) {
      before = found;
      await delay(SETTLE_MS, undefined, { ref: false });
    }
    try {
      const loaded = await loadPolicies(directory, options.load);
      documents = loaded.documents;
      seen = state(files, documents);
      if (loaded.policies === undefined) {
        await options.onRefused(loaded.problems);
        return;
      }
      await options.onLoaded(loaded.policies);
      current = loaded.policies;
    } catch {
      // The log could not be written, which says so itself. Looking again finds the files changed.
      seen = '';
    }
  }

  const next = (onlyIfChanged: boolean): Promise<void> => (last = last.then(() => replace(onlyIfChanged)));
  const stopWatching = watchDirectory(directory, () => void next(true));
  return {
    current: () => current,
    reload: () => next(false),
    async [Symbol.asyncDispose]() {
      stopWatching();
      await last;
    },
  };
}

/** Calls `changed` some time after every change, and now and then without one. Returns what ends it. */
function watchDirectory(directory: string, changed: () => void): () => void {
  let settling: NodeJS.Timeout | undefined;
  const interval = setInterval(changed, LOOK_AGAIN_MS).unref();
  // The directory is watched, not its files: editors and deployments replace those.
  const watcher = watch(directory, { persistent: false }, () => {
    clearTimeout(settling);
    settling = setTimeout(changed, SETTLE_MS).unref();
  });
  // From now on the interval has to do.
  watcher.on('error', () => {
    watcher.close();
  });
  return () => {
    clearInterval(interval);
    clearTimeout(settling);
    watcher.close();
  };
}

/** Of everything that is read: changes with any of it. Documents are as they were just before they were read. */
function state(files: string | undefined, documents: ReadonlyMap<string, FileState>): string {
  return JSON.stringify([files ?? null, ...documents]);
}

/** Changes whenever a file is written, replaced, added or removed; undefined where the directory cannot be read. */
async function stateOfFiles(directory: string): Promise<string | undefined> {
  try {
    const names = (await readdir(directory)).sort();
    return JSON.stringify(
      await Promise.all(names.map(async (name) => [name, (await fileState(join(directory, name))) ?? null])),
    );
  } catch {
    return undefined;
  }
}
