// What tells people apart: addresses, numbers of accounts and of persons, each with its checksum where it has one. Pure.
import { isIPv4, isIPv6 } from 'node:net';
import type { Detector } from './detector.ts';
import { colonsIn, digitsIn, dotsIn, hasAt } from './text-shape.ts';

const SEPARATORS = [' ', '-'];

const EMAIL: Detector = {
  name: 'email',
  label: '[email]',
  mayHold: (shape) => hasAt(shape),
  // Only from the start of a run, so that a long one is looked at once.
  pattern:
    /(?<![\p{L}\p{N}._%+'-])[\p{L}\p{N}._%+'-]+(?:@|%40)(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}/gu,
};

/** ISO 13616: check digits over exactly the length of the country. */
const IBAN: Detector = {
  name: 'iban',
  label: '[iban]',
  // The shortest are Norway's.
  mayHold: (shape, { length }) => digitsIn(shape) >= 2 && length >= 15,
  pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,34}/g,
  take: (candidate) => {
    const length = IBAN_LENGTHS.get(candidate.slice(0, 2).toUpperCase());
    if (length === undefined) return 0;
    const end = endOfCharacters(candidate, length);
    const compact = candidate.slice(0, end).replace(/[ -]/g, '').toUpperCase();
    return compact.length === length && remainder97(compact.slice(4) + compact.slice(0, 4)) === 1 ? end : 0;
  },
};

/** ISO/IEC 7812: 13 to 19 digits that pass Luhn and start as an issuer's do. */
const CARD: Detector = {
  name: 'card',
  label: '[card]',
  mayHold: (shape) => digitsIn(shape) >= 13,
  pattern: /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]*\d)/g,
  take: (candidate) => {
    if (!/^(?:4|5|2[2-7]|3|6)/.test(candidate.replace(/[ -]/g, ''))) return 0;
    // Digits may follow after a separator, such as the date of expiry: a number ends where a group does.
    for (
      let end = candidate.length;
      end >= 13;
      end = Math.max(...SEPARATORS.map((each) => candidate.lastIndexOf(each, end - 1)))
    ) {
      const digits = candidate.slice(0, end).replace(/[ -]/g, '');
      if (digits.length >= 13 && passesLuhn(digits)) return end;
    }
    return 0;
  },
};

/** Numbers that states give to people: US, UK, France, Spain, Italy. */
const NATIONAL_NUMBER: Detector = {
  name: 'national-number',
  label: '[national-number]',
  mayHold: (shape) => digitsIn(shape) >= 6,
  pattern:
    /(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])|\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b|(?<!\d)[12] ?\d{2} ?[01]\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?!\d)|\b[XYZ]?\d{7,8}-?[A-Z]\b|\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b/gi,
  take: (candidate) => (isNationalNumber(candidate.toUpperCase()) ? candidate.length : 0),
};

/** ITU-T E.164 numbers, and the usual ways of writing North American and French ones. */
const PHONE: Detector = {
  name: 'phone',
  label: '[phone]',
  mayHold: (shape) => digitsIn(shape) >= 7,
  pattern:
    /(?<![\d\w])(?:\+ ?|00)\(?[1-9](?:[ ().-]{0,2}\d){6,14}(?!\d)|(?<![\d.])\(\d{3}\) ?\d{3}[-. ]\d{4}(?!\d)|(?<![\d.-])\d{3}([-. ])\d{3}\1\d{4}(?![\d-])|(?<![\d.])0\d(?:[ .]\d{2}){4}(?![\d.])/g,
};

const IP: Detector = {
  name: 'ip',
  label: '[ip]',
  mayHold: (shape) => colonsIn(shape) >= 2 || (dotsIn(shape) >= 3 && digitsIn(shape) >= 4),
  pattern:
    /(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[\dA-Fa-f]{0,4}(?::[\dA-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3})(?![\w:]|\.\d)/g,
  take: (candidate) => {
    // `::` alone is a word of several programming languages.
    const isAddress = isIPv4(candidate) || (isIPv6(candidate) && /[\dA-Fa-f]{2}/.test(candidate));
    return isAddress ? candidate.length : 0;
  },
};

export const PERSONAL_DETECTORS: readonly Detector[] = [EMAIL, IBAN, CARD, NATIONAL_NUMBER, PHONE, IP];

/** ISO 13616 registry, release 99: length by country. */
const IBAN_LENGTHS = new Map(
  (
    'AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22' +
    'GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31' +
    'MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30'
  )
    .match(/[A-Z]{2}\d{2}/g)
    ?.map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** Where the given number of characters that are not separators ends. */
function endOfCharacters(text: string, count: number): number {
  let left = count;
  let end = 0;
  while (end < text.length && left > 0) {
    if (text[end] !== ' ' && text[end] !== '-') left--;
    end++;
  }
  return end;
}

/** ISO/IEC 7064 MOD 97-10 over letters as 10 to 35. */
function remainder97(text: string): number {
  let remainder = 0;
  for (const character of text) {
    const value = parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}

/** ISO/IEC 7812-1 annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = digit * 2;
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 && /[1-9]/.test(digits);
}

function isNationalNumber(text: string): boolean {
  const compact = text.replace(/[ -]/g, '');
  if (/^\d{9}$/.test(compact)) return /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(compact);
  if (/^[A-Z]{2}\d{6}[A-D]$/.test(compact)) return !/^(?:BG|GB|NK|KN|NT|TN|ZZ)/.test(compact);
  if (/^[12]\d{4}/.test(compact) && compact.length === 15) return isFrench(compact);
  if (/^[XYZ\d]\d{7}[A-Z]$/.test(compact)) return isSpanish(compact);
  return /^[A-Z]{6}/.test(compact) && isItalian(compact);
}

/** INSEE: the key is 97 less the remainder; Corsica's 2A and 2B count as 19 and 18. */
function isFrench(number: string): boolean {
  const digits = number.slice(0, 13).replace('2A', '19').replace('2B', '18');
  return /^\d{13}$/.test(digits) && 97 - (Number(digits) % 97) === Number(number.slice(13));
}

/** DNI and NIE: the letter follows from the remainder by 23. */
function isSpanish(number: string): boolean {
  const digits = number.slice(0, 8).replace('X', '0').replace('Y', '1').replace('Z', '2');
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === number[8];
}

/** Codice fiscale, D.M. 23/12/1976: odd places weigh by table, even ones by value. */
function isItalian(code: string): boolean {
  const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
  let sum = 0;
  for (let index = 0; index < 15; index++) {
    const value = parseInt(code.charAt(index), 36);
    const rank = value > 9 ? value - 10 : value;
    sum += index % 2 === 0 ? (odd[rank] ?? 0) : rank;
  }
  return String.fromCharCode(65 + (sum % 26)) === code[15];
}
