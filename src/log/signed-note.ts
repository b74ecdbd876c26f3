// Checkpoints: C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) with Ed25519. Pure.
import { createPublicKey, hash, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { SigningKey } from '../core/keys.ts';

/** What a checkpoint says: the tree of the log called `origin` has this size and root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Whoever has this can check what a key has signed. Written `name+id+base64`, as the specification has it. */
export interface Verifier {
  readonly name: string;
  readonly id: Buffer;
  readonly key: KeyObject;
}

const ED25519 = 1;
/** DER of an Ed25519 public key, up to the 32 bytes of the key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export function signCheckpoint(checkpoint: Checkpoint, key: SigningKey): string {
  const text = `${checkpoint.origin}\n${checkpoint.size}\n${Buffer.from(checkpoint.root).toString('base64')}\n`;
  const signature = sign(null, Buffer.from(text), key.privateKey);
  const id = keyId(checkpoint.origin, key.publicKey);
  return `${text}\n— ${checkpoint.origin} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

/** The checkpoint in a note that one of the verifiers has signed. Throws, with the reason, for anything else. */
export function openCheckpoint(note: string, verifiers: readonly Verifier[]): Checkpoint {
  const match = /^((\S+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n)\n((?:— \S+ [A-Za-z0-9+/=]+\n)+)$/.exec(note);
  const [, text, origin, size, root, signatures] = match ?? [];
  if (text === undefined || origin === undefined || root === undefined || signatures === undefined) {
    throw new Error('it is not a checkpoint (origin, size, root, empty line, signature)');
  }
  if (Buffer.from(root, 'base64').toString('base64') !== root) throw new Error('its root is not plain base64');
  const known = signatures.split('\n').some((line) => isSignedBy(text, origin, line, verifiers));
  if (!known) throw new Error(`it carries no valid signature of a known key of ${origin}`);
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
}

export function verifierOf(name: string, publicKey: KeyObject): Verifier {
  return { name, id: keyId(name, publicKey), key: publicKey };
}

export function formatVerifier({ name, id, key }: Verifier): string {
  return `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), rawKey(key)]).toString('base64')}`;
}

/** Throws where the text is no verifier key of the Ed25519 kind. */
export function parseVerifier(text: string): Verifier {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (name === undefined || bytes.length !== 33 || bytes[0] !== ED25519) {
    throw new Error('it is not a verifier key (name+id+base64, Ed25519)');
  }
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes.subarray(1)]), format: 'der', type: 'spki' });
  const verifier = verifierOf(name, key);
  if (verifier.id.toString('hex') !== id) throw new Error('its id does not fit its name and key');
  return verifier;
}

function isSignedBy(text: string, origin: string, line: string, verifiers: readonly Verifier[]): boolean {
  const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  // Base64 has several spellings of the same bytes; a checkpoint has one.
  if (bytes.toString('base64') !== encoded) return false;
  return verifiers.some(
    (verifier) =>
      verifier.name === name &&
      name === origin &&
      verifier.id.equals(bytes.subarray(0, 4)) &&
      verify(null, Buffer.from(text), verifier.key, bytes.subarray(4)),
  );
}

function keyId(name: string, key: KeyObject): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), rawKey(key)]), 'buffer').subarray(
    0,
    4,
  );
}

function rawKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
}
