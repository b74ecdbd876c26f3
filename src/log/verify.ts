// Proves a log, or finds what is wrong with it: everything is derived again from the bytes of its entries.
import { canonicalJson } from '../core/canonical-json.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import type { KeyRing } from '../core/keys.ts';
import { leafHash } from '../core/leaf-hash.ts';
import type { FoundEntry, LogCopy } from '../core/log-copy.ts';
import { openPayload } from './payload.ts';
import { openCheckpoint } from './signed-note.ts';
import type { Checkpoint, Verifier } from './signed-note.ts';
import { GrowingTree, TILE_WIDTH } from './tree.ts';

export interface VerifyOptions {
  readonly verifiers: readonly Verifier[];
  /** Undefined: that payloads are there is checked, and not what they hold. */
  readonly payloadKeys?: KeyRing | undefined;
  /** Checkpoints from elsewhere, by the name the user knows them by. */
  readonly kept?: readonly { readonly name: string; readonly note: string }[];
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Now and then, with how many there are at least: undefined where no checkpoint says so. */
  progress?(entries: number, total: number | undefined): void;
}

/** Something was changed, removed, added or moved. */
export interface Finding {
  /** The entry concerned, where it can be told. */
  readonly seq?: number;
  /** Else the first of those it may be. */
  readonly from?: number;
  readonly message: string;
}

export interface Verification {
  readonly entries: number;
  /** RFC 3339, as the first and last entry have it. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly checkpoints: number;
  /** Entries under the newest checkpoint that fits. */
  readonly covered: number;
  readonly payloads: { readonly checked: number; readonly unchecked: number; readonly erased: number };
  /** Calls whose outcome is not in the log. */
  readonly open: readonly {
    readonly seq: number;
    readonly invocation: string;
    readonly state: 'running' | 'unknown';
  }[];
  /** Empty: the log is what was signed. What names an entry first; no more than a hundred. */
  readonly findings: readonly Finding[];
}

const MAX_FINDINGS = 100;
const TREE_CHECK_INTERVAL = 1_024;

export async function verifyLog(copy: LogCopy, options: VerifyOptions): Promise<Verification> {
  const findings: Finding[] = [];
  const find = (message: string, place: Omit<Finding, 'message'> = {}): void => {
    if (findings.length < MAX_FINDINGS) findings.push({ ...place, message });
  };
  const expected = await readCheckpoints(copy, options, find);
  const tree = new GrowingTree();
  const entries = new EntryCheck(options.payloadKeys, find);
  const roots = new RootCheck(expected, find);

  for await (const entry of copy.entries()) {
    entries.check(entry);
    tree.append(leafHash(entry.text));
    roots.check(tree);
    if (tree.size % TREE_CHECK_INTERVAL === 0) {
      await checkTiles(copy, tree, roots.signedSize, find);
      options.progress?.(tree.size, roots.signedSize > 0 ? roots.signedSize : undefined);
    }
  }
  await checkTiles(copy, tree, roots.signedSize, find);
  await checkTileCount(copy, roots.signedSize, find);
  roots.finish(tree.size);
  entries.finish();
  for (const seq of await copy.strayPayloads()) find(`a payload is kept under ${seq}, where no entry is`, { seq });

  const open = Array.from(entries.open, async ([invocation, { seq, broker }]) => {
    const state = (await copy.isAlive(broker, options.now)) ? ('running' as const) : ('unknown' as const);
    return { seq, invocation, state };
  });
  return {
    entries: tree.size,
    from: entries.from,
    to: entries.to,
    checkpoints: expected.filter(({ own }) => own).length,
    covered: roots.covered,
    payloads: entries.payloads,
    open: await Promise.all(open),
    findings: findings.toSorted((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity) || (a.from ?? 0) - (b.from ?? 0)),
  };
}

type Find = (message: string, place?: Omit<Finding, 'message'>) => void;

interface Expected extends Checkpoint {
  /** How it is called in a finding. */
  readonly name: string;
  /** It stands in the copy itself, so the tiles must reach as far. */
  readonly own: boolean;
}

async function readCheckpoints(copy: LogCopy, options: VerifyOptions, find: Find): Promise<Expected[]> {
  const expected: Expected[] = [];
  const origin = await copy.origin();
  const take = (name: string, note: string, own: boolean, size?: number): void => {
    try {
      const checkpoint = openCheckpoint(note, options.verifiers);
      if (checkpoint.origin !== origin)
        throw new Error(`it is of the log ${checkpoint.origin}, and this one is ${origin}`);
      if (size !== undefined && checkpoint.size !== size) throw new Error(`it says ${checkpoint.size} entries`);
      expected.push({ ...checkpoint, name, own });
    } catch (error) {
      find(`${name} does not hold: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for await (const { size, note } of copy.checkpoints()) take(`the checkpoint of ${size} entries`, note, true, size);
  for (const { name, note } of options.kept ?? []) take(name, note, false);
  return expected.sort((a, b) => a.size - b.size);
}

/** Holds each signed root against the tree as it grows. */
class RootCheck {
  /** The size of the copy's own newest checkpoint. */
  readonly signedSize: number;
  covered = 0;
  readonly #expected: readonly Expected[];
  readonly #find: Find;
  #next = 0;

  constructor(expected: readonly Expected[], find: Find) {
    this.#expected = expected;
    this.#find = find;
    this.signedSize = expected.reduce(
      (size, checkpoint) => (checkpoint.own ? Math.max(size, checkpoint.size) : size),
      0,
    );
  }

  check(tree: GrowingTree): void {
    for (let next = this.#expected[this.#next]; next?.size === tree.size; next = this.#expected[++this.#next]) {
      if (Buffer.from(tree.root()).equals(next.root)) this.covered = next.size;
      else
        this.#find(`${next.name} signs other entries: one from ${this.covered + 1} on was changed`, {
          from: this.covered + 1,
        });
    }
  }

  finish(size: number): void {
    for (const { name, size: signed } of this.#expected.slice(this.#next)) {
      if (signed > size) this.#find(`${name} signs ${signed} entries, and only ${size} are there`, { from: size + 1 });
    }
  }
}

/** Looks at entries one by one: number, form, hash, payload, and whether a call that began has ended. */
class EntryCheck {
  from: string | undefined;
  to: string | undefined;
  readonly open = new Map<string, { seq: number; broker: string }>();
  readonly payloads = { checked: 0, unchecked: 0, erased: 0 };
  readonly #missing = new Set<number>();
  readonly #erased = new Set<number>();
  readonly #payloadKeys: KeyRing | undefined;
  readonly #find: Find;
  #expected = 1;

  constructor(payloadKeys: KeyRing | undefined, find: Find) {
    this.#payloadKeys = payloadKeys;
    this.#find = find;
  }

  check(entry: FoundEntry): void {
    const { seq, text, leaf } = entry;
    if (seq > this.#expected) {
      const last = seq - 1;
      const range =
        last === this.#expected ? `entry ${last} is missing` : `entries ${this.#expected} to ${last} are missing`;
      this.#find(range, { seq: this.#expected });
    } else if (seq < this.#expected) this.#find(`entry ${seq} stands where ${this.#expected} should`, { seq });
    this.#expected = Math.max(this.#expected, seq + 1);
    if (leaf !== undefined && !leafHash(text).equals(leaf)) this.#find(`entry ${seq} does not fit its hash`, { seq });
    const body = parseCanonical(text);
    if (body === undefined) {
      this.#find(`entry ${seq} is not canonical JSON`, { seq });
      return;
    }
    if (body['seq'] !== seq) this.#find(`entry ${seq} was written as ${canonicalJson(body['seq'] ?? null)}`, { seq });
    this.#follow(body, seq);
    this.#checkPayload(entry, body);
  }

  finish(): void {
    for (const seq of this.#missing) {
      if (this.#erased.has(seq)) this.payloads.erased++;
      else this.#find(`the payload of entry ${seq} is missing, and no entry says it was erased`, { seq });
    }
  }

  #follow(body: JsonObject, seq: number): void {
    const { type, time, invocation, broker, entries } = body;
    if (typeof time === 'string') {
      this.from ??= time;
      this.to = time;
    }
    if (type === 'intent' && typeof invocation === 'string') {
      this.open.set(invocation, { seq, broker: typeof broker === 'string' ? broker : '' });
    }
    if (type === 'outcome' && typeof invocation === 'string') this.open.delete(invocation);
    if (type === 'payload.erased' && Array.isArray(entries)) {
      for (const erased of entries) if (typeof erased === 'number') this.#erased.add(erased);
    }
  }

  #checkPayload({ seq, sealed }: FoundEntry, body: JsonObject): void {
    if (body['payload'] === undefined) {
      if (sealed !== undefined && sealed !== null)
        this.#find(`entry ${seq} was written without the payload it has`, { seq });
    } else if (sealed === undefined || sealed === null) this.#missing.add(seq);
    else if (this.#payloadKeys === undefined) this.payloads.unchecked++;
    else {
      try {
        openPayload(this.#payloadKeys, sealed, body);
        this.payloads.checked++;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.#find(`the payload of entry ${seq} was changed (${why})`, { seq });
      }
    }
  }
}

/** Tiles that were not what the entries make of them would give proofs that do not hold. */
async function checkTiles(copy: LogCopy, tree: GrowingTree, signed: number, find: Find): Promise<void> {
  const changed = tree.takeChanged();
  if (copy.tree === undefined) return;
  for (const { level, index, hashes } of changed) {
    const kept = await copy.tree.tile(level, index);
    const due = 32 * Math.min(TILE_WIDTH, Math.max(0, Math.floor(signed / TILE_WIDTH ** level) - index * TILE_WIDTH));
    const common = Math.min(due, hashes.length);
    const fits = kept.length === due && Buffer.compare(kept.subarray(0, common), hashes.subarray(0, common)) === 0;
    const first = index * TILE_WIDTH ** (level + 1) + 1;
    if (!fits) find(`the tree does not fit the entries from ${first} on (tile ${level}/${index})`, { from: first });
  }
}

async function checkTileCount(copy: LogCopy, signed: number, find: Find): Promise<void> {
  if (copy.tree === undefined) return;
  let due = 0;
  for (let nodes = Math.floor(signed / TILE_WIDTH); nodes > 0; nodes = Math.floor(nodes / TILE_WIDTH)) {
    due += Math.ceil(nodes / TILE_WIDTH);
  }
  const count = await copy.tree.count();
  if (count !== due) find(`the tree has ${count} tiles, and ${due} belong to ${signed} entries`);
}

function parseCanonical(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return isJsonObject(value) && canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}
