// What Postgres keeps of a password: sent in its place, so that no statement log ever holds one that works. Pure but for the salt.
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * The least that NIST SP 800-132 asks for. Postgres' own 4,096 slow down the guessing of words that people choose; a lease's
 * password is 192 random bits, and each lease would wait for them twice.
 */
const ITERATIONS = 1_000;
const SALT_BYTES = 16;

/**
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as in pg_authid (RFC 5803, RFC 5802 section 3).
 * @param password printable ASCII, so that SASLprep leaves it as it is
 */
export async function scramVerifier(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
  iterations: number = ITERATIONS,
): Promise<string> {
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${String(iterations)}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
