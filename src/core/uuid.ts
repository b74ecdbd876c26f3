// UUIDv7 (RFC 9562, section 5.7): ids that sort by the millisecond they were made in.
import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4_096;
/** Hexadecimal digits of an id that are random, four of them only in part. */
const RANDOM_DIGITS = 19;
let pool = '';
let used = 0;

/** @param now milliseconds since the Unix epoch */
export function uuidv7(now: number): string {
  // One large draw serves hundreds of ids: a system call for each would cost more than the id.
  if (used + RANDOM_DIGITS > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  const at = used;
  used += RANDOM_DIGITS;
  const time = now.toString(16).padStart(12, '0');
  const variant = '89ab'.charAt(parseInt(pool.charAt(at + 3), 16) & 0x3);
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${pool.slice(at, at + 3)}-${variant}${pool.slice(at + 4, at + 7)}-${pool.slice(at + 7, at + 19)}`;
}
