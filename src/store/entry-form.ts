// The written form of an entry: canonical JSON with its number, its time and the hash of its payload. Pure but for the salt.
import { canonicalJson, sortedKeys } from '../core/canonical-json.ts';
import type { NewEntry } from '../core/entry.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { newSalt, saltedHash } from '../core/sealing.ts';

/** The version of the form, in every entry as `v`. */
const ENTRY_VERSION = 1;

/** An entry that lacks nothing but its number, which is given under the head's lock. */
export interface PreparedEntry {
  /** Canonical JSON up to the number, and from it on. */
  readonly before: string;
  readonly after: string;
  readonly payload: PlainPayload | undefined;
}

export interface PlainPayload {
  readonly salt: Uint8Array;
  /** Canonical JSON of the payloads. */
  readonly plaintext: string;
}

/** `time` in milliseconds since the Unix epoch. Throws TypeError where the entry has no canonical JSON. */
export function prepareEntry(entry: NewEntry, time: number): PreparedEntry {
  const payload = preparePayload(entry);
  const members: Record<string, Json> = { ...(entry.body as unknown as JsonObject) };
  if (entry.broker !== undefined) members['broker'] = entry.broker;
  if (payload !== undefined) members['payload'] = describePayload(payload);
  members['time'] = new Date(time).toISOString();
  members['v'] = ENTRY_VERSION;
  let before = '{';
  let after = '';
  for (const key of sortedKeys(members)) {
    // Members have plain names of ours, which need no escapes.
    const member = `"${key}":${canonicalJson(members[key] as Json)}`;
    if (key < 'seq') before += `${member},`;
    else after += `,${member}`;
  }
  return { before: `${before}"seq":`, after: `${after}}`, payload };
}

export function entryText(entry: PreparedEntry, seq: number): string {
  return entry.before + String(seq) + entry.after;
}

function preparePayload({ payloads }: NewEntry): PlainPayload | undefined {
  if (payloads?.arguments === undefined && payloads?.result === undefined) return undefined;
  return { salt: newSalt(), plaintext: canonicalJson(payloads as JsonObject) };
}

function describePayload(payload: PlainPayload): JsonObject {
  return { bytes: Buffer.byteLength(payload.plaintext), sha256: saltedHash(payload.salt, payload.plaintext) };
}
