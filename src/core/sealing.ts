// Encryption of what stands beside entries, under a key that is not in the database. Pure but for the salt.
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hash, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { KeyRing } from './keys.ts';

const SALT_BYTES = 32;
const TAG_BYTES = 16;
/** Form (1), key id (4), salt. */
const HEADER_BYTES = 1 + 4 + SALT_BYTES;
const FORM = 1;
/** Every salt makes its own key, so that the nonce never meets the same key twice, however much is written. */
const NONCE = Buffer.alloc(12);

/** One large draw serves many salts: a system call for each would cost more than the rest of sealing. */
const POOL_BYTES = 128 * SALT_BYTES;
let pool = Buffer.alloc(0);
let used = 0;

export function newSalt(): Uint8Array {
  if (used === pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  const salt = Uint8Array.prototype.slice.call(pool, used, used + SALT_BYTES);
  used += SALT_BYTES;
  return salt;
}

/** What an entry says about its payload: SHA-256 (base64) over salt and plaintext. Without the salt it tells nothing. */
export function saltedHash(salt: Uint8Array, plaintext: string | Uint8Array): string {
  const bytes = typeof plaintext === 'string' ? Buffer.byteLength(plaintext) : plaintext.length;
  const salted = Buffer.allocUnsafe(salt.length + bytes);
  salted.set(salt);
  if (typeof plaintext === 'string') salted.write(plaintext, salt.length);
  else salted.set(plaintext, salt.length);
  return hash('sha256', salted, 'base64');
}

/** AES-256-GCM under a key derived from the ring's current key and the salt. Form, key id, salt, ciphertext, tag. */
export function seal(ring: KeyRing, salt: Uint8Array, plaintext: string | Uint8Array): Uint8Array {
  const header = Buffer.concat([Buffer.of(FORM), Buffer.from(ring.current, 'hex'), salt]);
  const cipher = createCipheriv('aes-256-gcm', derivedKey(keyOf(ring, ring.current), salt), NONCE);
  cipher.setAAD(header);
  const ciphertext = cipher.update(typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext);
  return Buffer.concat([header, ciphertext, cipher.final(), cipher.getAuthTag()]);
}

/** The reverse of `seal`. Throws where the key is not in the ring or a bit has changed. */
export function unseal(ring: KeyRing, sealed: Uint8Array): { readonly salt: Uint8Array; readonly plaintext: Buffer } {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== FORM) throw new Error('not a sealed payload');
  const header = sealed.subarray(0, HEADER_BYTES);
  const salt = header.subarray(5);
  const key = keyOf(ring, Buffer.from(header.subarray(1, 5)).toString('hex'));
  const decipher = createDecipheriv('aes-256-gcm', derivedKey(key, salt), NONCE, { authTagLength: TAG_BYTES });
  decipher.setAAD(header);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const start = decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - TAG_BYTES));
  return { salt, plaintext: Buffer.concat([start, decipher.final()]) };
}

/** As a KeyObject: Node takes ten times as long to open a cipher with the same key as bytes. */
function derivedKey(key: KeyObject, salt: Uint8Array): KeyObject {
  return createSecretKey(createHmac('sha256', key).update('sallyport payload').update(salt).digest());
}

function keyOf(ring: KeyRing, id: string): KeyObject {
  const key = ring.keys.get(id);
  if (key === undefined) throw new Error(`sealed under key ${id}, which is not among the keys`);
  return key;
}
