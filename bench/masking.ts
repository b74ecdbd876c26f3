// Masking one result, from JSON text to JSON text, against jsonpath-plus selecting the same paths, and the detectors against
// redact-pii. Run: node bench/masking.ts [--no-peer]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JSONPath } from 'jsonpath-plus';
import type { Json, JsonObject } from '../src/core/json.ts';
import type { Mask } from '../src/core/tool.ts';
import { DETECTOR_NAMES } from '../src/masking/detector.ts';
import { maskCompiler } from '../src/masking/mask-compiler.ts';
import { systemClock } from '../src/core/clock.ts';
import type { IssuedTokens } from '../src/core/token-vault.ts';
import { loadKeys } from '../src/store/keys.ts';
import { openSqliteStore } from '../src/store/sqlite-store.ts';
import { createTokenVault } from '../src/store/token-records.ts';
import { loadRedactPii } from './redact-pii.ts';

const compiler = maskCompiler({ hashKey: new Uint8Array(32).fill(1) });
const ROUNDS = 41;

const directory = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const { tokenDerivation: derivation, tokenSealing: sealing, ...keys } = await loadKeys(join(directory, 'keys'));
const store = await openSqliteStore({ file: join(directory, 'store.db'), keys });
const vault = createTokenVault({ store, clock: systemClock, derivation, sealing });
const issue = (): IssuedTokens => vault.issue('somebody');

function compile(masks: readonly unknown[]): Mask {
  return compiler.compile(
    masks.map((mask) => ({
      declaration: compiler.declaration.parse(mask),
      report: (key: string, message: string) => {
        throw new Error(`${key}: ${message}`);
      },
    })),
  );
}

function customers(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => ({
    id: index,
    name: `Customer Number ${index}`,
    email: `customer${index}@example.com`,
    phone: `+33 6 12 34 56 ${String(index % 100).padStart(2, '0')}`,
    card_number: '4242424242424242',
    plan: 'pro',
    city: 'Paris',
    address: { street: `${index} Rue de Rivoli`, zip: '75001', country: 'FR' },
    balance: index * 1.25,
    created: '2026-01-01T00:00:00Z',
    notes: 'Called about the invoice, please call back tomorrow.',
    tags: ['a', 'b', 'vip'],
  }));
  return JSON.stringify({ rows });
}

interface Figure {
  readonly wall: number;
  /** Of this thread: what the round would take if nothing else ran on the machine. */
  readonly cpu: number;
}

/** Medians over the rounds, in milliseconds. */
function measure(run: () => unknown, rounds = ROUNDS): Figure {
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = performance.now();
    const cpuBefore = process.threadCpuUsage();
    run();
    const { user, system } = process.threadCpuUsage(cpuBefore);
    walls.push(performance.now() - before);
    cpus.push((user + system) / 1_000);
  }
  return { wall: median(walls), cpu: median(cpus) };
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const text = customers(2_900);
const parsed = JSON.parse(text) as JsonObject;
const FIELDS = ['email', 'phone', 'card_number', 'street', 'zip', 'name', 'balance', 'notes', 'tags', 'created'];
const descendant = FIELDS.map((field) => `$..${field}`);
const exact = FIELDS.map((field) =>
  ['street', 'zip'].includes(field) ? `$.rows[*].address.${field}` : `$.rows[*].${field}`,
);
const off = { detect: [...DETECTOR_NAMES], with: 'off' };
const all = { detect: [...DETECTOR_NAMES], with: 'mask' };
const masked = (masks: readonly unknown[], from = text): Figure => {
  const mask = compile(masks);
  return measure(() => mask.apply({ structured: JSON.parse(from) as JsonObject }, issue()));
};
const each = (paths: readonly string[], how: object): object[] => paths.map((path) => ({ path, ...how }));

const figures: Record<string, Figure> = {
  'parse and serialise, no masks': measure(() => JSON.stringify(JSON.parse(text))),
  'ten exact paths, redact': masked([...each(exact, { with: 'redact' }), off]),
  'ten descendant paths, redact': masked([...each(descendant, { with: 'redact' }), off]),
  'ten descendant paths, remove': masked([...each(descendant, { with: 'remove' }), off]),
  'ten descendant paths, keep-last': masked([...each(descendant, { with: 'keep-last', count: 4 }), off]),
  'ten descendant paths, hash': masked([...each(descendant, { with: 'hash' }), off]),
  'ten descendant paths, redact, secrets': masked(each(descendant, { with: 'redact' })),
  'ten descendant paths, redact, all detectors': masked([...each(descendant, { with: 'redact' }), all]),
  'no paths, all detectors, all found': masked([all]),
  'jsonpath-plus selecting ten descendant paths': measure(() =>
    descendant.map((path) => JSONPath({ path, json: parsed, eval: false, resultType: 'all' })),
  ),
};

// As many different values as one result may have, each of them at three places.
const TOKENIZED = [
  ...['email', 'phone', 'plan', 'card_number', 'city', 'zip', 'country', 'created', 'notes'].map((field) => ({
    path: `$..${field}`,
    with: 'tokenize',
    class: 'field',
  })),
  { path: '$..tags[0]', with: 'tokenize', class: 'field' },
];
figures['ten descendant paths, tokenize, tokens known'] = masked([...TOKENIZED, off]);
figures['ten descendant paths, tokenize, known, all detectors'] = masked([...TOKENIZED, all]);
const tokenized = compile([...TOKENIZED, off]);
const before = performance.now();
const first = createTokenVault({ store, clock: systemClock, derivation, sealing }).issue('somebody else');
tokenized.apply({ structured: parsed }, first);
const statements = first.statements();
const made = performance.now() - before;
await store.commit({ statements });
const kept = performance.now() - before;
first.kept();

const small = customers(3);
const smallMask = compile(each(descendant, { with: 'redact' }));
const thousand = measure(() => {
  for (let call = 0; call < 1_000; call++) smallMask.apply({ structured: JSON.parse(small) as JsonObject }, issue());
});
figures[`${(small.length / 1_000).toFixed(1)} KB, ten descendant paths, redact, secrets`] = {
  wall: thousand.wall / 1_000,
  cpu: thousand.cpu / 1_000,
};

// Twice as much takes twice as long.
for (const count of [725, 1_450, 5_800, 11_600]) {
  const larger = customers(count);
  const name = `${(larger.length / 1e6).toFixed(2)} MB, redact, all detectors`;
  figures[name] = masked([...each(descendant, { with: 'redact' }), all], larger);
}

const redactPii = process.argv.includes('--no-peer') ? undefined : await loadRedactPii();
if (redactPii !== undefined) {
  const redacted = (value: Json): Json => {
    if (typeof value === 'string') return redactPii(value);
    if (Array.isArray(value)) return (value as readonly Json[]).map(redacted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redacted(member)]));
  };
  figures['redact-pii over every string'] = measure(() => JSON.stringify(redacted(JSON.parse(text) as Json)), 5);
}

console.log(`${(text.length / 1e6).toFixed(2)} MB of JSON, ${ROUNDS} rounds, median milliseconds`);
for (const [name, { wall, cpu }] of Object.entries(figures)) {
  console.log(`${name.padEnd(46)} wall ${wall.toFixed(3).padStart(8)}   cpu ${cpu.toFixed(3).padStart(8)}`);
}
console.log(
  `tokens seen for the first time: made and sealed in ${made.toFixed(0)} ms, durable after ${kept.toFixed(0)} ms`,
);
const plain = figures['parse and serialise, no masks']?.wall ?? NaN;
const walk = (figures['ten descendant paths, redact']?.wall ?? NaN) - plain;
const peer = figures['jsonpath-plus selecting ten descendant paths']?.wall ?? NaN;
console.log(`masking itself against jsonpath-plus selecting: ${(peer / walk).toFixed(1)} times as fast`);
await store[Symbol.asyncDispose]();
await rm(directory, { recursive: true, force: true });
