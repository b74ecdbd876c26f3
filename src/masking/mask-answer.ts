// Everything of a backend's answer that may leave, masked: structured content, its text twin, every content block.
// The only caller of Masked.through for what a backend says. Pure.
import { WithheldError } from '../core/errors.ts';
import { Masked } from '../core/evidence.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import type { TokenIssuer } from '../core/token-vault.ts';
import type { ToolAnswer } from '../core/tool.ts';
import { BlockMasking } from './block-masking.ts';
import { DocumentMasking, type CompiledMasks } from './document-masking.ts';
import { MAX_CONTENT_BLOCKS } from './limits.ts';
import { REMOVED } from './mask-action.ts';

/** Throws WithheldError in any doubt. */
export function maskAnswer(answer: ToolAnswer, masks: CompiledMasks, tokens: TokenIssuer): Masked {
  try {
    return masked(answer, new DocumentMasking(masks, tokens));
  } catch (cause) {
    if (cause instanceof WithheldError) throw cause;
    // A value of the backend's may stand in the error's message: only its kind is told.
    const kind = cause instanceof Error ? cause.name : typeof cause;
    throw new WithheldError(`the masks could not be applied (${kind})`, cause);
  }
}

function masked({ structured, content: blocks = [], isError = false }: ToolAnswer, documents: DocumentMasking): Masked {
  const content: Json[] = [];
  let left = structured === undefined ? REMOVED : documents.document(structured);
  if (left !== REMOVED) {
    const text = documents.text(left);
    const detected = documents.detectors.value(left, text);
    content.push({ type: 'text', text: detected === left ? text : documents.measured(JSON.stringify(detected)) });
    left = detected;
  }
  if (blocks.length > MAX_CONTENT_BLOCKS) {
    throw new WithheldError(`the result has more than ${String(MAX_CONTENT_BLOCKS)} content blocks`);
  }
  const masking = new BlockMasking(documents, structured, isError);
  content.push(...blocks.map((block) => masking.block(block)).filter((block) => block !== undefined));
  if (!isError) documents.demandMatches();
  return Masked.through({
    structured: left !== REMOVED && isJsonObject(left) ? left : undefined,
    content,
    isError,
    counts: documents.counts(),
  });
}
