// What masking one answer needs for each of its documents: the walk, the detectors, the second opinion, and what was found. Pure.
import { DisagreementError, WithheldError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import type { TokenIssuer } from '../core/token-vault.ts';
import type { AskedPath } from '../core/tool.ts';
import { DetectorPass, type ActiveDetector } from './detector-pass.ts';
import { ALWAYS_SECOND_OPINION_CHARACTERS, MAX_RESULT_CHARACTERS } from './limits.ts';
import { maskDocument, type Findings, type MaskedJson, type WalkedMask } from './mask-walk.ts';
import type { Media } from './mask-declaration.ts';
import type { PathState } from './path-automaton.ts';
import { rawPath } from './second-opinion.ts';

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
  readonly opinions: readonly AskedPath[];
  /** What may leave although nobody can look into it. */
  readonly media: ReadonlySet<Media>;
}

export class DocumentMasking {
  readonly masks: CompiledMasks;
  readonly detectors: DetectorPass;
  readonly #findings: Findings;
  readonly #detected: Record<string, number> = {};
  readonly #tokens: TokenIssuer;
  #characters = 0;

  constructor(masks: CompiledMasks, tokens: TokenIssuer) {
    this.masks = masks;
    this.#tokens = tokens;
    this.#findings = { taken: masks.paths.map(() => 0), found: masks.paths.map(() => false) };
    this.detectors = new DetectorPass(masks.detectors, this.#detected);
  }

  /** What the paths leave of a document. */
  document(document: Json): MaskedJson {
    return maskDocument(document, this.masks.start, this.masks.paths, this.#findings, this.#tokens);
  }

  /** The JSON text of what the paths have left of a document that they changed, once a second engine has looked at it. */
  text(masked: Json): string {
    const text = this.measured(JSON.stringify(masked));
    if (text.length <= ALWAYS_SECOND_OPINION_CHARACTERS && typeof masked === 'object' && masked !== null) {
      const path = rawPath(masked, this.masks.opinions);
      if (path !== undefined) throw new DisagreementError(path);
    }
    return text;
  }

  /** The same text, counted towards what one answer may hold. */
  measured(text: string): string {
    this.#characters += text.length;
    if (this.#characters > MAX_RESULT_CHARACTERS) {
      throw new WithheldError(`the result has more than ${String(MAX_RESULT_CHARACTERS)} characters`);
    }
    return text;
  }

  demandMatches(): void {
    for (const [index, mask] of this.masks.paths.entries()) {
      if (mask.mustMatch && this.#findings.found[index] !== true) {
        throw new WithheldError(`the path ${mask.path} must match and found nothing`);
      }
    }
  }

  /** By path and by detector. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = { ...this.#detected };
    for (const [index, { path }] of this.masks.paths.entries()) {
      const taken = this.#findings.taken[index] ?? 0;
      if (taken > 0) counts[path] = (counts[path] ?? 0) + taken;
    }
    return counts;
  }
}
