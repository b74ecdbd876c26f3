// Results with values planted where a mask or a detector must find them, made from a seed. The values are unlike anything else.
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { ToolAnswer } from '../../src/core/tool.ts';

/** Numbers from a seed (mulberry32), so that a leak can be looked at again. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  text(alphabet: string, length: number): string {
    return Array.from({ length }, () => this.pick([...alphabet])).join('');
  }
}

export interface Planted {
  readonly masks: readonly JsonObject[];
  readonly answer: ToolAnswer;
  /** None of these may leave, however it is written. */
  readonly canaries: readonly string[];
  /** How and where they were planted. */
  readonly kinds: readonly string[];
}

const DIGITS = '0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = UPPER.toLowerCase();
const MASKED_NAMES = ['email', 'ssn', 'pw', 'card number', 'näme', "o'clock", '0', '__proto__', 'constructor'];
const PLAIN_NAMES = ['id', 'note', 'row', 'b', 'items', 'text'];

export function plant(seed: number): Planted {
  const dice = new Dice(seed);
  const canaries: string[] = [];
  const kinds: string[] = [];
  const masked = MASKED_NAMES.filter(() => dice.below(2) === 0).slice(0, dice.below(5));
  const masks = [...masked.map((name) => maskOn(dice, name)), { detect: DETECTORS, with: 'mask' }];

  const planted = (): readonly [string, Json] => {
    if (masked.length > 0 && dice.below(2) === 0) {
      const name = dice.pick(masked);
      const canary = `cnry${dice.text(LOWER + DIGITS, 14)}`;
      canaries.push(canary);
      kinds.push('at a path');
      return [name, dice.pick<Json>([canary, [canary], { deep: { canary } }, `${canary}, and more`])];
    }
    const [kind, form] = dice.pick(Object.entries(FORMS));
    const canary = form(dice);
    const [disguise, hide] = dice.pick(Object.entries(DISGUISES));
    canaries.push(canary);
    kinds.push(`${kind}, ${disguise}`);
    const hidden = hide(canary, dice);
    if (dice.below(12) === 0) return [hidden, 'a name that is one'];
    if (kind === 'card' && dice.below(6) === 0) return [dice.pick(PLAIN_NAMES), Number(canary)];
    return [dice.pick(PLAIN_NAMES), hidden];
  };

  const object = (depth: number): JsonObject => {
    const members: (readonly [string, Json])[] = [];
    for (let count = 1 + dice.below(4); count > 0; count--) {
      const roll = dice.below(10);
      if (roll < 4) members.push(planted());
      else if (roll < 6 && depth < 4) members.push([dice.pick(PLAIN_NAMES), wrap(object(depth + 1), dice)]);
      else members.push([dice.pick(PLAIN_NAMES), plain(dice)]);
    }
    return Object.fromEntries(members);
  };

  /** A link whose parameters are masked as members are. */
  const link = (): string => {
    const [name, value] = planted();
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `https://shop.example/a?x=1&${encodeURIComponent(name)}=${encodeURIComponent(text)}`;
  };
  const blocks: readonly (() => Json)[] = [
    () => ({ type: 'text', text: JSON.stringify(dice.below(2) === 0 ? object(0) : [object(0)]) }),
    () => ({
      type: 'resource',
      resource: { uri: link(), mimeType: 'application/json', text: JSON.stringify(object(0)) },
    }),
    () => ({ type: 'resource_link', uri: link(), name: 'a link', description: detected() }),
    () => ({ type: 'text', text: detected() }),
  ];
  /** A detector's form, never what is masked by its path alone: text has no paths. */
  function detected(): string {
    const [kind, form] = dice.pick(Object.entries(FORMS));
    const [disguise, hide] = dice.pick(Object.entries(DISGUISES));
    const canary = form(dice);
    canaries.push(canary);
    kinds.push(`${kind}, ${disguise}, in prose`);
    return `the answer is ${hide(canary, dice)} for now`;
  }

  const isError = dice.below(5) === 0;
  const structured = dice.below(4) > 0 ? { structured: object(0) } : {};
  const content = Array.from({ length: dice.below(3) }, () => dice.pick(blocks)());
  const answer = {
    ...structured,
    ...(content.length > 0 || !('structured' in structured) ? { content: [...content, dice.pick(blocks)()] } : {}),
    ...(isError ? { isError } : {}),
  };
  return { masks, answer, canaries, kinds };
}

const DETECTORS = ['secrets', 'email', 'iban', 'card', 'national-number', 'phone', 'ip'];

function maskOn(dice: Dice, name: string): JsonObject {
  const quoted = `['${name.replaceAll("'", "\\'")}']`;
  const path = dice.pick([`$..${quoted}`, `$..[${quoted.slice(1, -1)}, 'nothing']`, `$..*${quoted}`]);
  // `..*` does not reach the members of `$` itself.
  const paths = path.startsWith('$..*') ? `$..${quoted}` : path;
  const how = dice.pick<JsonObject>([
    { with: 'redact' },
    { with: 'remove' },
    { with: 'hash' },
    { with: 'keep-last', count: 4 },
    { with: 'tokenize', class: 'field' },
  ]);
  return { path: paths, ...how };
}

/** As JSON text in a string, up to three levels, with escapes that hide what it says from whoever does not parse it. */
function wrap(value: Json, dice: Dice): Json {
  let wrapped = value;
  for (let levels = dice.below(4); levels > 0; levels--) {
    const text = JSON.stringify(wrapped);
    wrapped = dice.below(3) === 0 ? escaped(text, dice) : text;
  }
  return dice.below(3) === 0 ? [wrapped, 1] : wrapped;
}

function escaped(json: string, dice: Dice): string {
  return json.replace(/[a-z@](?=[^"\\]*")/g, (letter) =>
    dice.below(4) === 0 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter,
  );
}

function plain(dice: Dice): Json {
  return dice.pick<Json>([true, null, 7, 1.25, 'Paris', 'vip', '', [], ['a', 'b'], { a: 1 }, '2026-01-01T00:00:00Z']);
}

const FORMS: Readonly<Record<string, (dice: Dice) => string>> = {
  email: (dice) => `cnry${dice.text(LOWER + DIGITS, 10)}@${dice.pick(['example.com', 'mail.example.co.uk'])}`,
  card: (dice) => luhn(`4${dice.text(DIGITS, 14)}`),
  iban: (dice) => germanIban(dice.text(DIGITS, 18)),
  ssn: (dice) => `${String(100 + dice.below(500))}-${String(10 + dice.below(80))}-${String(1_000 + dice.below(9_000))}`,
  phone: (dice) => `+33 6 ${[1, 2, 3, 4].map(() => String(10 + dice.below(90))).join(' ')}`,
  ip: (dice) => [1, 2, 3, 4].map(() => String(100 + dice.below(150))).join('.'),
  jwt: (dice) => `eyJhbGciOiJIUzI1NiJ9.eyJ${dice.text(UPPER + LOWER + DIGITS, 30)}.${dice.text(LOWER + DIGITS, 30)}`,
  'cloud key': (dice) => `AKIA${dice.text(`${UPPER}234567`, 16)}`,
  'repository token': (dice) => `ghp_${dice.text(UPPER + LOWER + DIGITS, 36)}`,
  'connection string': (dice) => `postgres://app:${dice.text(LOWER + DIGITS, 20)}@db.example/shop`,
  'private key': (dice) =>
    ['-----BEGIN', ` PRIVATE KEY-----\n${dice.text(UPPER + LOWER, 64)}\n-----END`, ' PRIVATE KEY-----'].join(''),
};

const DISGUISES: Readonly<Record<string, (canary: string, dice: Dice) => string>> = {
  plain: (canary) => canary,
  'in a sentence': (canary) => `write to ${canary}, please`,
  'in full-width letters': (canary) =>
    canary.replace(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0)),
  'with invisible characters': (canary, dice) =>
    [...canary].map((character) => (dice.below(4) === 0 ? `${character}\u200b` : character)).join(''),
  'as base64': (canary) => Buffer.from(`to ${canary} now`).toString('base64'),
  'as base64url': (canary) => `see ${Buffer.from(`it is ${canary}.`).toString('base64url')} there`,
};

function luhn(digits: string): string {
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = index % 2 === 0 ? Number(digit) * 2 : Number(digit);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return digits + String((10 - (sum % 10)) % 10);
}

function germanIban(account: string): string {
  // D is 13, E is 14.
  const check = 98n - (BigInt(`${account}131400`) % 97n);
  return `DE${String(check).padStart(2, '0')}${account}`;
}

/** Whether a text holds a canary as it is, in other letters, between invisible ones, or in one level of base64. */
export function leakIn(text: string, canaries: readonly string[]): string | undefined {
  const read = text.normalize('NFKC').replace(/\u200b|\\u200b/g, '');
  const decoded = [...text.matchAll(/[A-Za-z0-9+/_-]{16,}/g)].map(([run]) => Buffer.from(run, 'base64').toString());
  const written = [text, read, ...decoded].join('\n');
  // JSON inside JSON writes a line's end as `\\n`, a letter as `\\u0061`.
  const plainly = written.replace(/\\+u([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return canaries.find((canary) => {
    const heart = canary.includes('PRIVATE KEY') ? (canary.split('\n')[1] ?? canary) : canary;
    return plainly.includes(heart);
  });
}
