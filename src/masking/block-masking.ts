// MCP content blocks, masked one by one. A block this file does not know does not leave. Pure.
import { isDeepStrictEqual } from 'node:util';
import { WithheldError } from '../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { DocumentMasking } from './document-masking.ts';
import { REMOVED } from './mask-action.ts';
import type { Media } from './mask-declaration.ts';
import { beginsAsJson, parseJsonText } from './nested-json.ts';
import { changeParameters } from './url-parameters.ts';

/** What an error's text becomes where it is not JSON, so that no mask can be applied to it. */
const ERROR_WITHOUT_TEXT = 'The system behind this tool reported an error. Its text could not be shown safely.';
/** RFC 4648, section 4: what MCP calls base64. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export class BlockMasking {
  readonly #documents: DocumentMasking;
  /** Of the answer, raw: a text block that repeats it leaves nothing behind. */
  readonly #structured: JsonObject | undefined;
  readonly #isError: boolean;

  constructor(documents: DocumentMasking, structured: JsonObject | undefined, isError: boolean) {
    this.#documents = documents;
    this.#structured = structured;
    this.#isError = isError;
  }

  /** Undefined for a block that leaves nothing behind. */
  block(block: Json): JsonObject | undefined {
    if (!isJsonObject(block)) throw new WithheldError('a content block is not an object');
    const { type } = block;
    switch (type) {
      case 'text': {
        const text = this.#textOf(block['text'], this.#structured);
        return text === undefined ? undefined : { type, text };
      }
      case 'resource_link':
        return { type, ...this.#strings(block, ['uri', 'name', 'title', 'description', 'mimeType']) };
      case 'resource':
        return this.#resource(block['resource']);
      case 'image':
      case 'audio':
        return { type, data: this.#bytes(type, block['data']), ...this.#strings(block, ['mimeType']) };
      default:
        throw new WithheldError('a content block is of a type that cannot be masked');
    }
  }

  #resource(resource: Json | undefined): JsonObject | undefined {
    if (!isJsonObject(resource)) throw new WithheldError('an embedded resource is not an object');
    const { text, blob } = resource;
    const about = this.#strings(resource, ['uri', 'mimeType']);
    if (text === undefined) return { type: 'resource', resource: { ...about, blob: this.#bytes('blob', blob) } };
    if (blob !== undefined) throw new WithheldError('an embedded resource is both text and bytes');
    const left = this.#textOf(text, undefined);
    return left === undefined ? undefined : { type: 'resource', resource: { ...about, text: left } };
  }

  /** Nobody looks into bytes: they leave where the tool's declaration says that they may, and only there. */
  #bytes(media: Media, data: Json | undefined): string {
    if (!this.#documents.masks.media.has(media)) {
      throw new WithheldError(`the result holds ${MEDIA_WORDS[media]}, and only text can be masked`);
    }
    if (typeof data !== 'string' || !BASE64.test(data)) {
      throw new WithheldError(`what is said to be ${MEDIA_WORDS[media]} is not base64`);
    }
    return this.#documents.measured(data);
  }

  #textOf(text: Json | undefined, structured: JsonObject | undefined): string | undefined {
    if (typeof text !== 'string') throw new WithheldError('the text of a content block is not a string');
    const left = this.#pathsOf(this.#documents.measured(text), structured);
    return left === undefined ? undefined : this.#documents.detectors.text(left);
  }

  #pathsOf(text: string, structured: JsonObject | undefined): string | undefined {
    if (structured === undefined && this.#documents.masks.paths.length === 0) return text;
    const value = parseJsonText(text);
    if (value === undefined || typeof value !== 'object') return this.#prose(text);
    if (structured !== undefined && isDeepStrictEqual(value, structured)) return undefined;
    return this.#jsonOf(value, text);
  }

  /** Paths say nothing about text without structure: where there are any, it may hold what they mean. */
  #prose(text: string): string {
    if (this.#documents.masks.paths.length === 0) return text;
    if (this.#isError) return ERROR_WITHOUT_TEXT;
    throw new WithheldError('a text block is not JSON, so the tool’s masks cannot be applied to it');
  }

  /** The named members, all of them strings: JSON in them is masked as a document, each URL's parameters as members of `$`. */
  #strings(object: JsonObject, names: readonly string[]): JsonObject {
    const kept: Record<string, Json> = {};
    for (const name of names) {
      const value = object[name];
      if (value === undefined) continue;
      if (typeof value !== 'string') throw new WithheldError(`\`${name}\` of a content block is not a string`);
      const left = this.#wordOf(this.#documents.measured(value));
      if (left !== undefined) kept[name] = this.#documents.detectors.text(left);
    }
    return kept;
  }

  #wordOf(text: string): string | undefined {
    const value = beginsAsJson(text) ? parseJsonText(text) : undefined;
    if (typeof value === 'object') return this.#jsonOf(value, text);
    return changeParameters(text, (parameter, given) => {
      const masked = this.#documents.document({ [parameter]: given });
      const left = isJsonObject(masked) ? masked[parameter] : undefined;
      return typeof left === 'string' ? left : undefined;
    });
  }

  #jsonOf(value: Json, text: string): string | undefined {
    const masked = this.#documents.document(value);
    if (masked === REMOVED) return undefined;
    const left = this.#documents.text(masked);
    return masked === value ? text : left;
  }
}

const MEDIA_WORDS: Readonly<Record<Media, string>> = { image: 'an image', audio: 'a sound', blob: 'bytes' };
