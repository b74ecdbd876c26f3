// Between Postgres' text form of values and JSON, without loss. Pure.
//
// One rule for each type: whole numbers up to 8 bytes are JSON numbers, and strings where JSON would round them; numeric
// is always a string, as it keeps its scale; floats are numbers, and strings where they are not finite; dates and times
// are ISO 8601 text as the server wrote them, never shifted; json is JSON; arrays are arrays; bytea is `\x` and hex, which
// Postgres takes back; everything else is Postgres' own text.
import pg from 'pg';
import { parseExactJson } from '../../src/core/exact-json.ts';
import type { Json } from '../../src/core/json.ts';

export type Decoder = (text: string) => Json;

const text: Decoder = (value) => value;
const integer: Decoder = (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
const float: Decoder = (value) => (Number.isFinite(Number(value)) ? Number(value) : value);
const boolean: Decoder = (value) => value === 't';
/** `2024-02-29 09:30:00+00` → `2024-02-29T09:30:00+00:00`; `infinity` and years BC stay as they are. */
const timestamp: Decoder = (value) =>
  /^\d{4,}-\d\d-\d\d \d\d:[\d:.]+([+-][\d:]+)?$/.test(value) ? withZone(value.replace(' ', 'T')) : value;

function withZone(value: string): string {
  return value.replace(/([+-]\d\d)$/, '$1:00');
}

const json: Decoder = parseExactJson;

const DECODERS: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [16, boolean],
  [20, integer],
  [21, integer],
  [23, integer],
  [26, integer],
  [114, json],
  [700, float],
  [701, float],
  [1114, timestamp],
  [1184, timestamp],
  [1266, withZone],
  [3802, json],
]);

/** Postgres' own array types, with what they are arrays of (pg_type.typelem). */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1000, 16], [1001, 17], [1002, 18], [1003, 19], [1005, 21], [1007, 23], [1009, 25], [1014, 1042], [1015, 1043], [1016, 20],
  [1021, 700], [1022, 701], [1028, 26], [1040, 829], [1041, 869], [1115, 1114], [1182, 1082], [1183, 1083], [1185, 1184],
  [1187, 1186], [1231, 1700], [1270, 1266], [1561, 1560], [1563, 1562], [199, 114], [2951, 2950], [3807, 3802], [651, 650],
  [3905, 3904], [3907, 3906], [3909, 3908], [3911, 3910], [3913, 3912], [3927, 3926], [4073, 4072],
]); // prettier-ignore

/** Types made in the database, rather than Postgres' own, have numbers from here on. */
export const FIRST_OWN_TYPE = 16_384;

/** @param elements of array types made in the database: their number, and that of what they hold */
export function decoderOf(type: number, elements: ReadonlyMap<number, number>): Decoder {
  const element = ELEMENTS.get(type) ?? elements.get(type);
  if (element === undefined) return DECODERS.get(type) ?? text;
  const decode = decoderOf(element, elements);
  return (value) => arrayParser.create(value, decode).parse();
}

/** Typed as a function by its package, and an object since. */
const arrayParser = pg.types.arrayParser as unknown as {
  create(source: string, decode: Decoder): { parse(): Json };
};

const JSON_TYPES = new Set([114, 3802]);

/** An argument as the text of a bound parameter. A string for a json parameter is its text; other values become JSON. */
export function encode(value: Json | undefined, type: number): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  return Array.isArray(value) && !JSON_TYPES.has(type) ? arrayLiteral(value) : JSON.stringify(value);
}

function arrayLiteral(items: readonly Json[]): string {
  const elements = items.map((item): string => {
    if (item === null) return 'NULL';
    if (Array.isArray(item)) return arrayLiteral(item);
    const element = typeof item === 'string' ? item : JSON.stringify(item);
    return `"${element.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${elements.join(',')}}`;
}
