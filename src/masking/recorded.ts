// A masked result as the log keeps it, and back: what was masked once may be shown to the same principal again.
import { Masked } from '../core/evidence.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { WithheldError } from '../core/errors.ts';

/** The text twin of structured content is left out where it is the only block: it can be made again. */
export function recordOf(masked: Masked): JsonObject {
  const { structured, content, isError } = masked;
  return {
    ...(structured === undefined ? {} : { structuredContent: structured }),
    ...(structured !== undefined && content.length === 1 ? {} : { content }),
    ...(isError ? { isError } : {}),
  };
}

/** @param record what `recordOf` made, read back from the log's authenticated payload. Throws WithheldError for anything else. */
export function maskedFromRecord(record: JsonObject): Masked {
  const structured = record['structuredContent'];
  if (structured !== undefined && !isJsonObject(structured)) throw new WithheldError('a recorded result is not one');
  const content = record['content'] ?? (structured === undefined ? undefined : [twinOf(structured)]);
  if (!Array.isArray(content)) throw new WithheldError('a recorded result has no content');
  return Masked.through({
    structured,
    content: content as readonly Json[],
    isError: record['isError'] === true,
    counts: {},
  });
}

function twinOf(structured: JsonObject): JsonObject {
  return { type: 'text', text: JSON.stringify(structured) };
}
