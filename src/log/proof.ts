// A proof that one entry is in the log, which needs nothing but a public key to be checked (c2sp.org/tlog-proof). Pure.
import type { JsonObject } from '../core/json.ts';
import { leafHash } from '../core/leaf-hash.ts';
import { verifyInclusion } from './merkle.ts';
import { openCheckpoint } from './signed-note.ts';
import type { Checkpoint, Verifier } from './signed-note.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';

export interface ProvenEntry {
  readonly seq: number;
  readonly body: JsonObject;
  readonly checkpoint: Checkpoint;
}

/** `text` is the entry, which goes along as extra data; `note` a checkpoint that covers it. */
export function formatProof(text: string, seq: number, path: readonly Uint8Array[], note: string): string {
  const extra = Buffer.from(text).toString('base64');
  const hashes = path.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('');
  return `${HEADER}\nextra ${extra}\nindex ${seq - 1}\n${hashes}\n${note}`;
}

/** The entry a proof is about. Throws, with the reason, unless every part of it holds. */
export function verifyProof(proof: string, verifiers: readonly Verifier[]): ProvenEntry {
  const match =
    /^c2sp\.org\/tlog-proof@v1\nextra ([A-Za-z0-9+/=]+)\nindex (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n/.exec(
      proof,
    );
  const [whole, extra, index, hashes] = match ?? [];
  if (whole === undefined || extra === undefined || hashes === undefined) {
    throw new Error(`it is not a proof (${HEADER}, extra, index, hashes, checkpoint)`);
  }
  const checkpoint = openCheckpoint(proof.slice(whole.length), verifiers);
  const path = hashes
    .split('\n')
    .filter((line) => line !== '')
    .map(bytes);
  const text = bytes(extra).toString();
  if (!verifyInclusion(leafHash(text), Number(index), checkpoint.size, path, checkpoint.root)) {
    throw new Error(`the entry is not number ${Number(index) + 1} of the log with this checkpoint`);
  }
  return { seq: Number(index) + 1, body: JSON.parse(text) as JsonObject, checkpoint };
}

/** Base64 has several spellings of the same bytes; a proof has one. */
function bytes(line: string): Buffer {
  const decoded = Buffer.from(line, 'base64');
  if (decoded.toString('base64') !== line) throw new Error('it holds a line that is not plain base64');
  return decoded;
}
