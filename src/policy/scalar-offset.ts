// Maps an offset into the value of a YAML scalar to an offset into the file's text. Pure.
import { Scalar } from 'yaml';

/** One character of the value as it may be written between double quotes (YAML 1.2.2, section 5.7). */
const DOUBLE_QUOTED = /\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|\r?\n|.)|[^]/giy;
const SINGLE_QUOTED = /''|[^]/gy;
const AS_IS = /[^]/gy;

/** Escapes that stand for white space, or for nothing. */
const BLANK_ESCAPE = /^\\(?:[tnvfrN_LP \t]|\r?\n)$/;

/**
 * Folding, indentation and chomping change only white space. So the n-th other character of the value is the n-th other
 * character of the source, whatever the style; white space is placed after the character before it.
 *
 * @param offset zero-based, in UTF-16 units, into the scalar's value
 */
export function offsetInSource(text: string, scalar: Scalar, offset: number): number {
  const [from, to] = scalar.range ?? [0, 0];
  const value = String(scalar.value);
  const blank = offset >= value.length || /\s/.test(value.charAt(offset));
  const wanted = value.slice(0, offset).replaceAll(/\s/g, '').length + (blank ? 0 : 1);
  const body = bodyStart(text, scalar, from);
  if (wanted === 0) return body;
  const form = scalar.type === 'QUOTE_DOUBLE' ? DOUBLE_QUOTED : scalar.type === 'QUOTE_SINGLE' ? SINGLE_QUOTED : AS_IS;
  form.lastIndex = body;
  let seen = 0;
  for (let match = form.exec(text); match !== null && match.index < to; match = form.exec(text)) {
    const [written] = match;
    if (/^\s/.test(written) || (form === DOUBLE_QUOTED && BLANK_ESCAPE.test(written))) continue;
    seen += written.startsWith('\\U') && parseInt(written.slice(2), 16) > 0xffff ? 2 : 1;
    if (seen >= wanted) return blank ? match.index + written.length : match.index;
  }
  return body;
}

function bodyStart(text: string, { type }: Scalar, from: number): number {
  if (type === Scalar.QUOTE_DOUBLE || type === Scalar.QUOTE_SINGLE) return from + 1;
  if (type !== Scalar.BLOCK_FOLDED && type !== Scalar.BLOCK_LITERAL) return from;
  const header = text.indexOf('\n', from) + 1;
  return header + (/^\s*/.exec(text.slice(header))?.[0].length ?? 0);
}
