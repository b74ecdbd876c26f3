// What a text is made of, in one cheap look: tells of most strings that no detector can find anything in them. Pure.

/** Packed into one number, because it is asked of every string of a result. */
export type Shape = number;

const DIGITS = 0xff;
const MANY = 255;
const DOT = 1 << 8;
const DOTS = 3 << 8;
const COLON = 1 << 10;
const COLONS = 3 << 10;
const AT = 1 << 12;
const NOT_ASCII = 1 << 13;
const LONG_RUN = 1 << 14;

/** Shorter stretches of base64 hide nothing that a detector could tell from chance. */
export const SHORTEST_RUN = 16;

const [OTHER, IN_RUN, DIGIT, A_DOT, A_COLON, AN_AT, FOREIGN] = [0, 1, 2, 3, 4, 5, 6];
/** One for each UTF-16 unit, so that no look-up is out of bounds: the loop below is run over whole results. */
const KINDS = new Uint8Array(65_536).fill(FOREIGN).fill(OTHER, 0, 128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/-_')
  KINDS[character.charCodeAt(0)] = IN_RUN;
for (const character of '0123456789') KINDS[character.charCodeAt(0)] = DIGIT;
KINDS['.'.charCodeAt(0)] = A_DOT;
KINDS[':'.charCodeAt(0)] = A_COLON;
// `%40` is an @ in a URL.
for (const character of '@%') KINDS[character.charCodeAt(0)] = AN_AT;

export function shapeOf(text: string): Shape {
  let shape = 0;
  let digits = 0;
  let run = 0;
  const { length } = text;
  for (let index = 0; index < length; index++) {
    const kind = KINDS[text.charCodeAt(index)];
    if (kind === IN_RUN) run++;
    else if (kind === DIGIT) {
      run++;
      digits++;
    } else {
      if (run >= SHORTEST_RUN) shape |= LONG_RUN;
      run = 0;
      if (kind === A_DOT) shape = (shape & DOTS) === DOTS ? shape : shape + DOT;
      else if (kind === A_COLON) shape = (shape & COLONS) === COLONS ? shape : shape + COLON;
      else if (kind === AN_AT) shape |= AT;
      else if (kind === FOREIGN) shape |= NOT_ASCII;
    }
  }
  if (run >= SHORTEST_RUN) shape |= LONG_RUN;
  return shape | (digits > MANY ? MANY : digits);
}

/** Up to 255. */
export function digitsIn(shape: Shape): number {
  return shape & DIGITS;
}

/** Up to 3. */
export function dotsIn(shape: Shape): number {
  return (shape & DOTS) / DOT;
}

/** Up to 3. */
export function colonsIn(shape: Shape): number {
  return (shape & COLONS) / COLON;
}

/** `@`, or `%`, which may begin one. */
export function hasAt(shape: Shape): boolean {
  return (shape & AT) !== 0;
}

/** Letters may then be written in another form, and be hidden between invisible ones. */
export function isForeign(shape: Shape): boolean {
  return (shape & NOT_ASCII) !== 0;
}

/** Whether a stretch of it could be base64 (RFC 4648, sections 4 and 5). */
export function mayHoldBase64(shape: Shape): boolean {
  return (shape & LONG_RUN) !== 0;
}
