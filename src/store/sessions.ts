// Which session a call belongs to, kept in the store so that every broker says the same. Remembered between calls.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import { SESSION_IDLE_MS, SESSION_MAX_MS } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import type { Sessions } from '../core/session.ts';
import type { Store } from '../core/store.ts';
import { uuidv7 } from '../core/uuid.ts';
import { queries, statement } from './queries.ts';

/** How far behind `last_seen_at` may be: a session is not written at every call. */
const NOTE_INTERVAL_MS = 60_000;
const MAX_REMEMBERED = 10_000;

interface Session {
  readonly id: string;
  readonly startedAt: number;
  lastSeenAt: number;
  notedAt: number;
}

export function createSessions({ store, clock }: { store: Store; clock: Clock }): Sessions {
  const remembered = new LRUCache<string, Session>({ max: MAX_REMEMBERED });
  const lookUps = new Map<string, Promise<Session>>();

  function isOver(session: Session, now: number): boolean {
    return now - session.lastSeenAt > SESSION_IDLE_MS || now - session.startedAt > SESSION_MAX_MS;
  }

  /** Two brokers that start a session at once both take the older of the two. */
  async function find(principalKey: string, label: string, now: number): Promise<Session | undefined> {
    const running = queries
      .selectFrom('sessions')
      .selectAll()
      .where('principal_key', '=', principalKey)
      .where('label', '=', label)
      .where('last_seen_at', '>=', now - SESSION_IDLE_MS)
      .where('started_at', '>=', now - SESSION_MAX_MS)
      .orderBy('started_at')
      .orderBy('id')
      .limit(1);
    const [row] = await store.query<{ id: string; started_at: number; last_seen_at: number }>(statement(running));
    return row && { id: row.id, startedAt: row.started_at, lastSeenAt: now, notedAt: row.last_seen_at };
  }

  async function findOrStart(principalKey: string, label: string, now: number): Promise<Session> {
    const found = await find(principalKey, label, now);
    if (found !== undefined) return found;
    const row = { id: uuidv7(now), principal_key: principalKey, label, started_at: now, last_seen_at: now };
    await store.commit({ statements: [statement(queries.insertInto('sessions').values(row))] });
    const first = await find(principalKey, label, now);
    return first ?? { id: row.id, startedAt: now, lastSeenAt: now, notedAt: now };
  }

  function note(session: Session, now: number): void {
    session.notedAt = now;
    const seen = queries.updateTable('sessions').set({ last_seen_at: now }).where('id', '=', session.id);
    // Missing one costs at most that the session ends early; a store that is down is told elsewhere.
    store.commit({ statements: [statement(seen)] }).catch(() => undefined);
  }

  /** One look-up serves all who ask at once. */
  function lookUp(key: string, principalKey: string, label: string, now: number): Promise<Session> {
    const underWay = lookUps.get(key);
    if (underWay !== undefined) return underWay;
    const lookedUp = findOrStart(principalKey, label, now).finally(() => lookUps.delete(key));
    lookUps.set(key, lookedUp);
    return lookedUp;
  }

  return {
    async current(principal: Principal, label = ''): Promise<string> {
      const now = clock.now();
      const key = JSON.stringify([principal.key, label]);
      let session = remembered.get(key);
      if (session === undefined || isOver(session, now)) {
        session = await lookUp(key, principal.key, label, now);
        remembered.set(key, session);
      }
      session.lastSeenAt = Math.max(session.lastSeenAt, now);
      if (now - session.notedAt > NOTE_INTERVAL_MS) note(session, now);
      return session.id;
    },
  };
}
