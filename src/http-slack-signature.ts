// Whether a callback is Slack's own; https://docs.slack.dev/authentication/verifying-requests-from-slack. Pure.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { CALLBACK_AGE_S } from './core/limits.ts';
import type { Secret } from './core/secret.ts';

export type Verified =
  /** `signature` is ours, so that no other spelling of theirs passes for another one. */
  | { readonly ok: true; readonly signature: string; readonly until: number }
  | { readonly ok: false; readonly words: string };

/** @param now milliseconds since the Unix epoch */
export function verifySlack(headers: IncomingHttpHeaders, body: Uint8Array, secret: Secret, now: number): Verified {
  const { 'x-slack-request-timestamp': time, 'x-slack-signature': given } = headers;
  if (typeof time !== 'string' || !/^\d{1,12}$/.test(time) || typeof given !== 'string') {
    return { ok: false, words: "Callbacks carry Slack's signature and its time." };
  }
  const signature = `v0=${createHmac('sha256', secret.reveal()).update(`v0:${time}:`).update(body).digest('hex')}`;
  const [ours, theirs] = [Buffer.from(signature), Buffer.from(given)];
  if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs)) {
    return { ok: false, words: 'The signature is not that of the signing secret.' };
  }
  // On both sides: a time to come would keep a callback good for as long as its sender likes.
  if (Math.abs(now / 1_000 - Number(time)) > CALLBACK_AGE_S) {
    return { ok: false, words: 'The callback is too old, or of a time to come.' };
  }
  return { ok: true, signature, until: (Number(time) + CALLBACK_AGE_S + 1) * 1_000 };
}
