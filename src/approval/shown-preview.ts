// What a look at a call's effect found, in lines for people. Pure.
import type { ShownPreview } from '../core/approval.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';

/** @param result of the look, masked, as the log keeps it; `code` is of a look that found nothing out */
export function shownPreview(
  look: { readonly result: JsonObject } | { readonly code: string } | undefined,
): ShownPreview {
  if (look === undefined) return { withheld: 'What was found has been erased, or its record was never completed.' };
  if ('code' in look) return { withheld: `It could not be made: ${look.code.replaceAll('_', ' ')}.` };
  const { structuredContent: structured, content, isError } = look.result;
  if (isError === true) return { withheld: 'It could not be made: the backend refused it.' };
  if (!isJsonObject(structured)) return { lines: textsOf(content), plan: undefined };
  const { plan, ...found } = structured;
  return { lines: linesOf(found), plan: typeof plan === 'string' ? plan : undefined };
}

function linesOf(found: JsonObject): string[] {
  const { rows, truncated } = found;
  if (!Array.isArray(rows)) return JSON.stringify(found, null, 2).split('\n');
  if (rows.length === 0) return ['nothing found'];
  return [...(rows as readonly Json[]).map(lineOf), ...(truncated === true ? ['… and more'] : [])];
}

/** What is alone needs no name. */
function lineOf(row: Json): string {
  if (!isJsonObject(row)) return wordOf(row);
  const members = Object.entries(row);
  const [only] = members;
  if (members.length === 1 && only !== undefined) return wordOf(only[1]);
  return members.map(([name, value]) => `${name}: ${wordOf(value)}`).join(', ');
}

function wordOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function textsOf(content: Json | undefined): string[] {
  const blocks = Array.isArray(content) ? (content as readonly Json[]) : [];
  return blocks.map((block) => {
    const text = isJsonObject(block) ? block['text'] : undefined;
    return typeof text === 'string' ? text : 'something that is no text';
  });
}
