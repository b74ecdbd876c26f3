// What a caller that is told to come back carries: how often it has waited for which call. It gives no authority: with a
// stolen or replayed one, as with none, a caller only waits for the approval of its own call.
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Clients give up after eleven rounds of one call; the tenth must say how to go on. */
const MAX_ROUNDS = 10;

/** The state to send after another round; undefined where it was the last that a client makes. */
export function nextState(key: KeyObject, of: string, received: string | undefined): string | undefined {
  const rounds = (received === undefined ? 0 : roundsIn(key, of, received)) + 1;
  return rounds >= MAX_ROUNDS ? undefined : `${rounds}.${tag(key, of, rounds).toString('base64url')}`;
}

/** A state that is not ours, or of another call, counts as none. */
function roundsIn(key: KeyObject, of: string, state: string): number {
  const [rounds = '', sent = ''] = state.split('.');
  if (!/^[1-9]$/.test(rounds)) return 0;
  const expected = tag(key, of, Number(rounds));
  const given = Buffer.from(sent, 'base64url');
  return given.length === expected.length && timingSafeEqual(given, expected) ? Number(rounds) : 0;
}

function tag(key: KeyObject, of: string, rounds: number): Buffer {
  return createHmac('sha256', key).update(`waiting ${rounds} ${of}`).digest();
}
