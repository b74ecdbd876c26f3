// The hash that stands for one entry in every proof about it. Pure.
import { hash } from 'node:crypto';

/** RFC 6962 section 2.1: SHA-256 over a zero byte and the entry's bytes (UTF-8 of its canonical JSON). */
export function leafHash(text: string): Buffer {
  // By way of hexadecimal, which Node gives twice as fast as bytes; there is one of these for every entry.
  return Buffer.from(hash('sha256', '\0' + text, 'hex'), 'hex');
}
