// Asks the second engine about results that are too large to be held up by it: some of them, on a thread of its own.
// Effectful. Constructed by src/cli.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { WithheldError } from '../core/errors.ts';
import type { Masked } from '../core/evidence.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import type { SecondOpinion } from '../core/masking.ts';
import type { AskedPath, Mask } from '../core/tool.ts';
import { ALWAYS_SECOND_OPINION_CHARACTERS, MAX_WAITING_OPINIONS, SECOND_OPINION_DEADLINE_MS } from './limits.ts';

export interface SecondOpinionOptions {
  /** Of the results that are not always looked at: 0 none, 1 all that the thread keeps up with. */
  readonly sample: number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
}

/** What the thread is asked. */
export interface Question {
  readonly id: number;
  readonly texts: readonly string[];
  readonly paths: readonly AskedPath[];
}

/** `path` undefined: it has found nothing raw. `failed`: it could not look. */
export type Opinion =
  { readonly id: number; readonly path: string | undefined } | { readonly id: number; readonly failed: true };

export function openSecondOpinion({ sample, random }: SecondOpinionOptions): SecondOpinion {
  const waiting = new Map<number, (opinion: Opinion) => void>();
  let worker: Worker | undefined;
  let next = 0;

  function start(): Worker {
    // The compiler does not rewrite this name: it is .ts where the sources run, and .js where they were compiled.
    const started = new Worker(new URL(`./second-opinion-worker${extname(import.meta.url)}`, import.meta.url));
    started.unref();
    started.on('message', (opinion: Opinion) => waiting.get(opinion.id)?.(opinion));
    const gone = (): void => {
      if (worker === started) worker = undefined;
      for (const [id, answer] of waiting) answer({ id, failed: true });
    };
    started.on('error', gone);
    started.on('exit', gone);
    return started;
  }

  return {
    async ask({ asked: paths }: Mask, { content }: Masked) {
      const texts = content.flatMap(textsOf).filter((text) => text.length > ALWAYS_SECOND_OPINION_CHARACTERS);
      if (paths.length === 0 || texts.length === 0 || random() >= sample) return undefined;
      if (waiting.size >= MAX_WAITING_OPINIONS) return undefined;
      const id = next++;
      const answered = Promise.withResolvers<Opinion>();
      waiting.set(id, answered.resolve);
      const late = setTimeout(() => {
        answered.resolve({ id, failed: true });
        // What hangs once would hang again: the next question gets a thread of its own.
        void worker?.terminate();
      }, SECOND_OPINION_DEADLINE_MS);
      worker ??= start();
      worker.postMessage({ id, texts, paths } satisfies Question);
      const opinion = await answered.promise;
      clearTimeout(late);
      waiting.delete(id);
      if ('failed' in opinion) throw new WithheldError('the second engine, asked about this result, gave no answer');
      return opinion.path;
    },

    async [Symbol.asyncDispose]() {
      await worker?.terminate();
    },
  };
}

function textsOf(block: Json): string[] {
  if (!isJsonObject(block)) return [];
  const { text, resource } = block;
  return [text, isJsonObject(resource) ? resource['text'] : undefined].filter((one) => typeof one === 'string');
}
