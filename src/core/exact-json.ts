// JSON that backends answer with, without loss: a number that a double cannot hold becomes a string. Pure.
import type { Json } from './json.ts';

/** Throws SyntaxError, and RangeError where it is nested too deeply to be read. */
export function parseExactJson(text: string): Json {
  // A number that is held exactly has at most seventeen digits; without a longer one there is nothing to look after.
  return (MAYBE_INEXACT.test(text) ? JSON.parse(text, keepNumbers) : JSON.parse(text)) as Json;
}

/** Sixteen digits in a row, or some around a point, or an exponent: also inside strings, which costs time and nothing else. */
const MAYBE_INEXACT = /\d[\d.]{15}|\d[eE]/;

function keepNumbers(_key: string, item: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  return typeof item === 'number' && source !== undefined && !isExact(item, source) ? source : item;
}

/** Whether the shortest text of the double says the same number as the source. */
function isExact(value: number, source: string): boolean {
  return Number.isFinite(value) && canonical(String(value)) === canonical(source);
}

/** Whether a number, as JSON writes it, is the number that a double makes of it. */
export function isExactNumber(source: string): boolean {
  return isExact(Number(source), source);
}

/** Sign, digits without zeros at either end, and the power of ten of the last one. */
function canonical(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(number) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  // By hand: an expression for the zeros at the end looks at those in the middle once for each of them.
  let end = digits.length;
  while (digits.endsWith('0', end)) end--;
  if (end === 0) return '0';
  // Rounded only where it is so large that the double is 0 or infinite, which this number then is not.
  const power = Number(exponent) - fraction.length + digits.length - end;
  return `${sign}${digits.slice(0, end)}e${String(power)}`;
}
