// The thread of src/masking/second-opinion-thread.ts: reads texts that are about to leave, and looks for raw values in them.
import { parentPort } from 'node:worker_threads';
import { isJsonObject, type Json } from '../core/json.ts';
import { rawPath } from './second-opinion.ts';
import type { Opinion, Question } from './second-opinion-thread.ts';

parentPort?.on('message', ({ id, texts, paths }: Question) => {
  parentPort?.postMessage(opinionOf());

  function opinionOf(): Opinion {
    try {
      for (const text of texts) {
        const path = rawPath(parsed(text), paths);
        if (path !== undefined) return { id, path };
      }
      return { id, path: undefined };
    } catch {
      return { id, failed: true };
    }
  }
});

/** Text that is not JSON holds no place that a path selects. */
function parsed(text: string): Json {
  try {
    const value = JSON.parse(text) as Json;
    return isJsonObject(value) || Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
