// What may be done to a masked value. Pure, but for the key that `hash` holds.
import { createHmac, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Json } from '../core/json.ts';
import { base32 } from '../core/base32.ts';
import type { TokenIssuer } from '../core/token-vault.ts';
import { MAX_TOKENIZED_CHARACTERS } from './limits.ts';
import type { PathMaskDeclaration } from './mask-declaration.ts';

/** The value's place is to be left out of what leaves. */
export const REMOVED = Symbol('removed');

export interface MaskAction {
  /** As `explain` shows it: `keep-last 4`. */
  readonly name: string;
  /** Where masks meet at one place, the strongest takes it: remove 5, redact 4, hash 3, tokenize 2, keep-* less the more they show. */
  readonly strength: number;
  /** What stands in for the value: a string, whatever the value was. Never the value's own object. */
  readonly apply: (value: Json, tokens: TokenIssuer) => string | typeof REMOVED;
}

/** What keep-first and keep-last show of a value that is too short to show a part of. */
const HIDDEN = '****';
const SURROGATE = /[\ud800-\udfff]/;
/** 80 bits: enough that values of one deployment do not meet by chance, short enough for a prompt. */
const HASH_BYTES = 10;

/** `key` is the deployment's: equal values give equal hashes under it, and nobody without it can try values out. */
export function maskAction(declaration: PathMaskDeclaration, key: KeyObject): MaskAction {
  switch (declaration.with) {
    case 'remove':
      return { name: 'remove', strength: 5, apply: () => REMOVED };
    case 'redact': {
      const text = `[${declaration.label ?? 'redacted'}]`;
      return { name: text === '[redacted]' ? 'redact' : `redact ${text}`, strength: 4, apply: () => text };
    }
    case 'hash':
      return { name: 'hash', strength: 3, apply: (value) => hashText(value, key) };
    case 'tokenize': {
      const tokenClass = declaration.class;
      return {
        name: `tokenize ${tokenClass}`,
        strength: 2,
        apply: (value, tokens) => tokenText(value, tokenClass, tokens),
      };
    }
    case 'keep-first':
    case 'keep-last': {
      const { count } = declaration;
      const first = declaration.with === 'keep-first';
      return {
        name: `${declaration.with} ${String(count)}`,
        strength: 1 / count,
        apply: (value) => keptText(value, count, first),
      };
    }
  }
}

const STAND_IN = /^(?:tok_[a-z][a-z0-9-]{0,31}_[a-z2-7]{26}|hash_[a-z2-7]{16})$/;

/** Whether a text has the form of a token or a hash: by chance, one could look like a number of an account. */
export function isStandIn(text: string): boolean {
  const first = text.charCodeAt(0);
  return (first === 0x74 || first === 0x68) && STAND_IN.test(text);
}

/** `hash_` and 16 base32 characters: HMAC-SHA-256 over the text of a scalar, or the RFC 8785 text of anything else, cut to 80 bits. */
function hashText(value: Json, key: KeyObject): string {
  const text = typeof value === 'string' ? value : canonicalJson(value);
  const mac = createHmac('sha256', key).update(`mask hash\0${text}`).digest();
  return `hash_${base32(mac.subarray(0, HASH_BYTES))}`;
}

/** A token for a string or a number, by its text; `[email]` for anything else, and for a text too long to be passed on. */
function tokenText(value: Json, tokenClass: string, tokens: TokenIssuer): string {
  if (typeof value !== 'string' && typeof value !== 'number') return `[${tokenClass}]`;
  const text = String(value);
  return text.length > MAX_TOKENIZED_CHARACTERS ? `[${tokenClass}]` : tokens.tokenFor(tokenClass, text);
}

/**
 * `****1234`: `count` characters of a string or number, never more than half of it, and never its length. A value too
 * short for that, and one that is neither string nor number, shows nothing.
 */
function keptText(value: Json, count: number, first: boolean): string {
  if (typeof value !== 'string' && typeof value !== 'number') return HIDDEN;
  const text = String(value);
  // Code points where there are pairs: half of one would be no character.
  const characters = SURROGATE.test(text) ? Array.from(text) : text;
  if (characters.length < 2 * count) return HIDDEN;
  const kept = first ? characters.slice(0, count) : characters.slice(-count);
  const shown = typeof kept === 'string' ? kept : kept.join('');
  return first ? shown + HIDDEN : HIDDEN + shown;
}
