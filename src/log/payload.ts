// Opens what is kept sealed beside entries, and checks it against what its entry says. Pure.
import type { Payloads } from '../core/entry.ts';
import type { JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import type { KeyRing } from '../core/keys.ts';
import type { LogSource } from '../core/log-source.ts';
import { saltedHash, unseal } from '../core/sealing.ts';

/** The payloads of an entry. Throws where the key is missing, a bit has changed, or it is another entry's. */
export function openPayload(ring: KeyRing, sealed: Uint8Array, body: JsonObject): Payloads {
  const { salt, plaintext } = unseal(ring, sealed);
  const described = body['payload'];
  if (!isJsonObject(described) || described['sha256'] !== saltedHash(salt, plaintext)) {
    throw new Error('the payload is not the one the entry was written with');
  }
  return JSON.parse(plaintext.toString()) as Payloads;
}

/** The call an approval was asked for, as its approver is to see it; undefined where it was erased. */
export async function requestedPayloads(
  source: LogSource,
  ring: KeyRing,
  invocation: string,
): Promise<(Payloads & { readonly lookedAhead?: string }) | undefined> {
  const [requested] = await source.entries({ invocation, type: 'approval.requested' }, 1);
  if (requested === undefined) return undefined;
  const sealed = await source.sealedPayload(requested.seq);
  if (sealed === undefined) return undefined;
  const body = JSON.parse(requested.text) as JsonObject;
  const lookedAhead = body['preview'];
  return { ...openPayload(ring, sealed, body), ...(typeof lookedAhead === 'string' ? { lookedAhead } : {}) };
}

/** How an invocation ended: its masked result, or the code of what kept it from having one. Undefined where that was erased. */
export async function recordedEnding(
  source: LogSource,
  ring: KeyRing,
  invocation: string,
): Promise<{ readonly result: JsonObject } | { readonly code: string } | undefined> {
  const [outcome] = await source.entries({ invocation, type: 'outcome' }, 1);
  if (outcome === undefined) return undefined;
  const { code } = JSON.parse(outcome.text) as JsonObject;
  if (typeof code === 'string') return { code };
  const result = await recordedReply(source, ring, invocation);
  return result && { result };
}

/** The masked reply an invocation got, for giving it again; undefined where there was none, or it was erased. */
export async function recordedReply(
  source: LogSource,
  ring: KeyRing,
  invocation: string,
): Promise<JsonObject | undefined> {
  const [outcome] = await source.entries({ invocation, type: 'outcome' }, 1);
  if (outcome === undefined) return undefined;
  const sealed = await source.sealedPayload(outcome.seq);
  if (sealed === undefined) return undefined;
  return openPayload(ring, sealed, JSON.parse(outcome.text) as JsonObject).result;
}

/** Payloads as people see them: arguments with what the tool masks of them. */
export function asShown({ shown, ...payloads }: Payloads): Payloads {
  return shown === undefined ? payloads : { ...payloads, arguments: shown };
}

/** What a story tells of them: without what only deciding again needs, which the entry's principal stands for. */
export function asTold(payloads: Payloads): [name: string, value: unknown][] {
  return Object.entries(asShown(payloads)).filter(([name]) => name !== 'principal');
}
