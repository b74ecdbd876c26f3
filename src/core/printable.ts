// What somebody else wrote, made fit to be shown. Pure.

/** Nothing of it may steer a terminal or turn the reading direction: such characters are written as `\u{202e}`. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
