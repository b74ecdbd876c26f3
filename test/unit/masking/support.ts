// Masks as a policy file would declare them, for the tests of this folder.
import { hash } from 'node:crypto';
import { base32 } from '../../../src/core/base32.ts';
import type { DeclaredMask } from '../../../src/core/masking.ts';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import type { TokenIssuer } from '../../../src/core/token-vault.ts';
import type { Mask } from '../../../src/core/tool.ts';
import { maskCompiler } from '../../../src/masking/mask-compiler.ts';
import type { MaskDeclaration } from '../../../src/masking/mask-declaration.ts';

/** Tokens in their real form that nobody keeps. */
export const looseTokens: TokenIssuer = {
  tokenFor: (tokenClass, value) =>
    `tok_${tokenClass}_${base32(hash('sha256', `${tokenClass} ${value}`, 'buffer').subarray(0, 16))}`,
};

export const compiler = maskCompiler({ hashKey: new Uint8Array(32).fill(7) });

interface ReportedProblem {
  readonly key: string;
  readonly message: string;
  readonly offset: number | undefined;
}

/** Declarations as the policy loader hands them over, and what was reported about them. */
export function declare(masks: readonly unknown[]): {
  declared: DeclaredMask<MaskDeclaration>[];
  problems: ReportedProblem[];
} {
  const problems: ReportedProblem[] = [];
  const declared = masks.map((mask) => ({
    declaration: compiler.declaration.parse(mask),
    report: (key: string, message: string, more?: { offset?: number }): void => {
      problems.push({ key, message, offset: more?.offset });
    },
  }));
  return { declared, problems };
}

export function compileMasks(...masks: readonly unknown[]): Mask {
  const { declared, problems } = declare(masks);
  const mask = compiler.compile(declared);
  if (problems.length > 0) throw new Error(`these masks do not compile: ${JSON.stringify(problems)}`);
  return mask;
}

/** What is left of structured content. */
export function masked(structured: JsonObject, ...masks: readonly unknown[]): JsonObject | undefined {
  return compileMasks(...masks).apply({ structured }, looseTokens).structured;
}

/** What is left of text blocks. */
export function maskedTexts(texts: readonly string[], ...masks: readonly unknown[]): Json[] {
  const content = texts.map((text) => ({ type: 'text', text }));
  return compileMasks(...masks)
    .apply({ content }, looseTokens)
    .content.map((block) => (block as { text: Json }).text);
}
