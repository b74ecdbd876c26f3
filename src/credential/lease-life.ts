// How long a lease may live. Pure.
import { SESSION_IDLE_MS, SESSION_MAX_MS } from '../core/limits.ts';

/** A lease this close to its end, as a part of its life, is replaced for new calls, so that they are not cut short. */
const LAST_PART = 0.2;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7/;

/** The first of the lease's ttl, the end of the inbound token and the longest a session may last; milliseconds since the Unix epoch. */
export function expiryOf(lease: { now: number; ttlMs: number; tokenExpiresAt: number; session: string }): number {
  return Math.min(
    lease.now + lease.ttlMs,
    lease.tokenExpiresAt,
    sessionStart(lease.session, lease.now) + SESSION_MAX_MS,
  );
}

/** Whether a new lease should take over, given when that one would end. */
export function isWorn(lease: { issuedAt: number; expiresAt: number }, now: number, nextExpiresAt: number): boolean {
  if (now >= lease.expiresAt) return true;
  const worn = lease.expiresAt - now < (lease.expiresAt - lease.issuedAt) * LAST_PART;
  return worn && nextExpiresAt > lease.expiresAt;
}

/** Whether its session has ended for want of calls. */
export function isIdle(lease: { lastUsedAt: number; uses: number }, now: number): boolean {
  return lease.uses === 0 && now - lease.lastUsedAt >= SESSION_IDLE_MS;
}

/** Session ids are UUIDv7: they tell when the session began. */
function sessionStart(session: string, now: number): number {
  if (!UUID_V7.test(session)) return now;
  return Number.parseInt(session.slice(0, 8) + session.slice(9, 13), 16);
}
