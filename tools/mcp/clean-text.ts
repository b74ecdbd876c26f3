// Takes out of an upstream's texts what nobody sees and models read: control, bidirectional and invisible characters. Pure.
import { isJsonObject, type Json } from '../../src/core/json.ts';

/**
 * Controls but tab and line breaks; whatever Unicode says is ignorable or only formats: bidirectional marks, zero-width
 * characters, tags, variation selectors, fillers; line and paragraph separators; the blank Braille pattern.
 */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800]|(?![\t\n\r])\p{Cc}/gu;
const ANY_INVISIBLE = new RegExp(INVISIBLE.source, 'u');

/** Most texts, found in a fraction of the time. */
const PLAIN = /^[\t\n\r -~]*$/;

const EMOJI = String.raw`\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F\u20E3`;
/** Scripts in which a joiner or non-joiner changes how a word is written. */
const JOINING = ['Arabic', 'Syriac', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Mongolian']
  .map((script) => String.raw`\p{Script=${script}}`)
  .join(''); // prettier-ignore
/** What belongs to what is seen: one selector after a symbol, one joiner between two symbols or two letters. */
const SEEN = new RegExp(
  [
    String.raw`(?<=[\p{Extended_Pictographic}#*0-9])\uFE0F`,
    String.raw`(?<=[${EMOJI}])\u200D(?=\p{Extended_Pictographic})`,
    String.raw`(?<=[${JOINING}])[\u200C\u200D](?=[${JOINING}])`,
  ].join('|'),
  'uy',
);

/** The text without them; the same one where there are none. Half surrogate pairs become U+FFFD. */
export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  const whole = text.toWellFormed();
  if (!ANY_INVISIBLE.test(whole)) return whole;
  return whole.replaceAll(INVISIBLE, (character, at: number) => {
    SEEN.lastIndex = at;
    return SEEN.test(whole) ? character : '';
  });
}

/** Every string of a value, keys among them. The same value where nothing had to be taken out. */
export function cleanJson<Value extends Json>(value: Value): Value {
  return cleaned(value) as Value;
}

function cleaned(value: Json): Json {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) {
    const given = value as readonly Json[];
    const items = given.map(cleaned);
    return items.every((item, index) => item === given[index]) ? given : items;
  }
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, part]) => [cleanText(key), cleaned(part)] as const);
  const same = entries.every(([key, part]) => Object.hasOwn(value, key) && value[key] === part);
  return same ? value : Object.fromEntries(entries);
}
