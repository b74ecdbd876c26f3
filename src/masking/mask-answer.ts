// Everything of a backend's answer that may leave, masked: structured content, its text twin, every content block.
// A block this file does not know does not leave. The only caller of Masked.through. Pure.
import { isDeepStrictEqual } from 'node:util';
import { WithheldError } from '../core/errors.ts';
import { Masked } from '../core/evidence.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { TokenIssuer } from '../core/token-vault.ts';
import type { ToolAnswer } from '../core/tool.ts';
import { DetectorPass, type ActiveDetector } from './detector-pass.ts';
import { ALWAYS_SECOND_OPINION_CHARACTERS, MAX_CONTENT_BLOCKS, MAX_RESULT_CHARACTERS } from './limits.ts';
import { REMOVED } from './mask-action.ts';
import { maskDocument, type Findings, type MaskedJson, type WalkedMask } from './mask-walk.ts';
import { parseJsonText } from './nested-json.ts';
import type { PathState } from './path-automaton.ts';
import { rawPath, type OpinionPath } from './second-opinion.ts';
import { changeParameters } from './url-parameters.ts';

export interface AnswerMask extends WalkedMask {
  readonly path: string;
  readonly mustMatch: boolean;
}

/** All masks of a tool. */
export interface CompiledMasks {
  /** Where the paths start. */
  readonly start: PathState;
  readonly paths: readonly AnswerMask[];
  readonly detectors: readonly ActiveDetector[];
  /** What the second engine is asked about. */
  readonly opinions: readonly OpinionPath[];
}

/** What an error's text becomes where it is not JSON, so that no mask can be applied to it. */
const ERROR_WITHOUT_TEXT = 'The system behind this tool reported an error. Its text could not be shown safely.';

/** Throws WithheldError in any doubt. */
export function maskAnswer(answer: ToolAnswer, masks: CompiledMasks, tokens: TokenIssuer): Masked {
  try {
    return new AnswerMasking(masks, tokens).mask(answer);
  } catch (cause) {
    if (cause instanceof WithheldError) throw cause;
    // A value of the backend's may stand in the error's message: only its kind is told.
    const kind = cause instanceof Error ? cause.name : typeof cause;
    throw new WithheldError(`the masks could not be applied (${kind})`, cause);
  }
}

class AnswerMasking {
  readonly #start: PathState;
  readonly #masks: readonly AnswerMask[];
  readonly #findings: Findings;
  readonly #opinions: readonly OpinionPath[];
  readonly #detected: Record<string, number> = {};
  readonly #detectors: DetectorPass;
  readonly #tokens: TokenIssuer;
  #characters = 0;

  constructor({ start, paths, detectors, opinions }: CompiledMasks, tokens: TokenIssuer) {
    this.#tokens = tokens;
    this.#opinions = opinions;
    this.#start = start;
    this.#masks = paths;
    this.#findings = { taken: paths.map(() => 0), found: paths.map(() => false) };
    this.#detectors = new DetectorPass(detectors, this.#detected);
  }

  mask(answer: ToolAnswer): Masked {
    const isError = answer.isError ?? false;
    const content: Json[] = [];
    let structured = answer.structured === undefined ? REMOVED : this.#document(answer.structured);
    if (structured !== REMOVED) {
      const text = this.#text(structured);
      this.#askAgain(structured, text);
      const masked = this.#detectors.value(structured, text);
      content.push(textBlock(masked === structured ? text : this.#text(masked)));
      structured = masked;
    }
    const blocks = answer.content ?? [];
    if (blocks.length > MAX_CONTENT_BLOCKS) {
      throw new WithheldError(`the result has more than ${String(MAX_CONTENT_BLOCKS)} content blocks`);
    }
    for (const block of blocks) {
      const masked = this.#block(block, answer.structured, isError);
      if (masked !== undefined) content.push(masked);
    }
    if (!isError) this.#demandMatches();
    return Masked.through({
      structured: structured !== REMOVED && isJsonObject(structured) ? structured : undefined,
      content,
      isError,
      counts: this.#counts(),
    });
  }

  #document(document: Json): MaskedJson {
    return maskDocument(document, this.#start, this.#masks, this.#findings, this.#tokens);
  }

  /** Undefined for a block that leaves nothing behind, or is the text twin of the structured content. */
  #block(block: Json, structured: JsonObject | undefined, isError: boolean): JsonObject | undefined {
    if (!isJsonObject(block)) throw new WithheldError('a content block is not an object');
    switch (block['type']) {
      case 'text': {
        const text = this.#textOf(block['text'], structured, isError);
        return text === undefined ? undefined : textBlock(text);
      }
      case 'resource_link':
        return { type: 'resource_link', ...this.#strings(block, ['uri', 'name', 'title', 'description', 'mimeType']) };
      case 'resource': {
        const { resource } = block;
        if (!isJsonObject(resource) || 'blob' in resource || typeof resource['text'] !== 'string') {
          throw new WithheldError('an embedded resource is not text, and only text can be masked');
        }
        const text = this.#textOf(resource['text'], undefined, isError);
        if (text === undefined) return undefined;
        return { type: 'resource', resource: { ...this.#strings(resource, ['uri', 'mimeType']), text } };
      }
      default:
        throw new WithheldError('a content block is neither text nor a link nor a text resource, and cannot be masked');
    }
  }

  #textOf(text: Json | undefined, structured: JsonObject | undefined, isError: boolean): string | undefined {
    if (typeof text !== 'string') throw new WithheldError('the text of a content block is not a string');
    this.#measure(text);
    const left = this.#pathsOf(text, structured, isError);
    return left === undefined ? undefined : this.#detectors.text(left);
  }

  #pathsOf(text: string, structured: JsonObject | undefined, isError: boolean): string | undefined {
    if (structured === undefined && this.#masks.length === 0) return text;
    const value = parseJsonText(text);
    if (value === undefined || typeof value !== 'object') return this.#prose(text, isError);
    if (structured !== undefined && isDeepStrictEqual(value, structured)) return undefined;
    const masked = this.#document(value);
    if (masked === REMOVED) return undefined;
    return masked === value ? text : JSON.stringify(masked);
  }

  /** Paths say nothing about text without structure: where there are any, it may hold what they mean. */
  #prose(text: string, isError: boolean): string {
    if (this.#masks.length === 0) return text;
    if (isError) return ERROR_WITHOUT_TEXT;
    throw new WithheldError('a text block is not JSON, so the tool’s masks cannot be applied to it');
  }

  /** The named members, all of them strings, each URL's parameters masked as members of `$`. */
  #strings(object: JsonObject, names: readonly string[]): JsonObject {
    const kept: Record<string, Json> = {};
    for (const name of names) {
      const value = object[name];
      if (value === undefined) continue;
      if (typeof value !== 'string') throw new WithheldError(`\`${name}\` of a content block is not a string`);
      this.#measure(value);
      const left = changeParameters(value, (parameter, given) => {
        const masked = this.#document({ [parameter]: given });
        const left = isJsonObject(masked) ? masked[parameter] : undefined;
        return typeof left === 'string' ? left : undefined;
      });
      kept[name] = this.#detectors.text(left);
    }
    return kept;
  }

  #text(value: Json): string {
    const text = JSON.stringify(value);
    this.#measure(text);
    return text;
  }

  #measure(text: string): void {
    this.#characters += text.length;
    if (this.#characters > MAX_RESULT_CHARACTERS) {
      throw new WithheldError(`the result has more than ${String(MAX_RESULT_CHARACTERS)} characters`);
    }
  }

  #askAgain(masked: Json, text: string): void {
    if (text.length > ALWAYS_SECOND_OPINION_CHARACTERS || !isJsonObject(masked)) return;
    const path = rawPath(masked, this.#opinions);
    if (path !== undefined) throw new WithheldError(`the engines disagree: jsonpath-plus finds a raw value at ${path}`);
  }

  #demandMatches(): void {
    for (const [index, mask] of this.#masks.entries()) {
      if (mask.mustMatch && this.#findings.found[index] !== true) {
        throw new WithheldError(`the path ${mask.path} must match and found nothing`);
      }
    }
  }

  #counts(): Record<string, number> {
    const counts: Record<string, number> = { ...this.#detected };
    for (const [index, { path }] of this.#masks.entries()) {
      const taken = this.#findings.taken[index] ?? 0;
      if (taken > 0) counts[path] = (counts[path] ?? 0) + taken;
    }
    return counts;
  }
}

function textBlock(text: string): JsonObject {
  return { type: 'text', text };
}
