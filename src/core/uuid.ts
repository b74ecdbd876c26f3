// UUIDv7 (RFC 9562, section 5.7): ids that sort by the millisecond they were made in.
import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4_096;
const RANDOM_BYTES = 10;
let pool = Buffer.alloc(0);
let used = 0;

/** @param now milliseconds since the Unix epoch */
export function uuidv7(now: number): string {
  // One large draw serves hundreds of ids: a system call for each would cost more than the id.
  if (used + RANDOM_BYTES > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  const random = pool.toString('hex', used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const time = now.toString(16).padStart(12, '0');
  const variant = ((parseInt(random.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
