// What every store promises. Run on each implementation of the port.
import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { EntryBody } from '../../src/core/entry.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { leafHash } from '../../src/core/leaf-hash.ts';
import { newSalt, saltedHash, seal, unseal } from '../../src/core/sealing.ts';
import { Conflict } from '../../src/core/store.ts';
import type { Store } from '../../src/core/store.ts';
import type { Keys } from '../../src/core/keys.ts';
import { openPayload } from '../../src/log/payload.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { queries, statement } from '../../src/store/queries.ts';
import { rewrap, sealedUnder } from '../../src/store/rewrap.ts';

export interface StoreUnderTest {
  /** Opens the same store once more, as another process would. */
  open(clock?: Clock): Promise<Store>;
  readonly keys: Keys;
  remove(): Promise<void>;
}

export const anEntry = (name: string): EntryBody => ({ type: 'policy.loaded', policy: name, tools: 1, rules: 2 });

const insertBroker = (id: string) =>
  statement(queries.insertInto('brokers').values({ id, started_at: 1, heartbeat_at: 1, stopped_at: null }));
const brokers = statement(queries.selectFrom('brokers').selectAll().orderBy('id'));
const entries = statement(queries.selectFrom('entries').selectAll().orderBy('seq'));
const payloads = statement(queries.selectFrom('payloads').selectAll().orderBy('seq'));

interface EntryRow {
  seq: number;
  body: string;
  leaf: Uint8Array;
}

export function describeStore(name: string, prepare: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    let place: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      place = await prepare();
      store = await place.open();
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place.remove();
    });

    const bodies = async (from: Store = store): Promise<JsonObject[]> =>
      (await from.query<EntryRow>(entries)).map((row) => JSON.parse(row.body) as JsonObject);

    test('numbers entries from one, without a gap, in the order they were handed over', async () => {
      expect(await store.commit({ entries: [{ body: anEntry('a') }, { body: anEntry('b') }] })).toEqual([1, 2]);
      expect(await store.commit({ entries: [{ body: anEntry('c') }] })).toEqual([3]);
      expect((await bodies()).map((body) => [body['seq'], body['policy']])).toEqual([
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
      ]);
    });

    test('writes an entry as canonical JSON with its number, time and version, and keeps its leaf hash', async () => {
      await store.commit({ entries: [{ body: anEntry('a'), broker: 'b1' }] });
      const [row] = await store.query<EntryRow>(entries);
      const time = (JSON.parse(row!.body) as { time: string }).time;
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(row!.body).toBe(
        `{"broker":"b1","policy":"a","rules":2,"seq":1,"time":"${time}","tools":1,"type":"policy.loaded","v":1}`,
      );
      expect(Buffer.from(row!.leaf).equals(leafHash(row!.body))).toBe(true);
    });

    test('keeps exactly the characters it was given', async () => {
      const text = 'NUL \u0000, "quotes", \\, \u2028, é, 漢字, 😀, \ufffd';
      await store.commit({ entries: [{ body: anEntry(text) }] });
      const [row] = await store.query<EntryRow>(entries);
      expect((JSON.parse(row!.body) as JsonObject)['policy']).toBe(text);
      expect(Buffer.from(row!.leaf).equals(leafHash(row!.body))).toBe(true);
    });

    test('keeps a payload sealed, and bound to its entry by a salted hash', async () => {
      const secretive = { email: 'ann@example.com' };
      await store.commit({ entries: [{ body: anEntry('a'), payloads: { arguments: secretive } }] });
      const [row] = await store.query<{ seq: number; sealed: Uint8Array }>(payloads);
      expect(row!.seq).toBe(1);
      expect(Buffer.from(row!.sealed).includes('ann@example.com')).toBe(false);
      const { salt, plaintext } = unseal(place.keys.payload, row!.sealed);
      expect(JSON.parse(plaintext.toString())).toEqual({ arguments: secretive });
      const [body] = await bodies();
      expect(body!['payload']).toEqual({ bytes: plaintext.length, sha256: saltedHash(salt, plaintext) });
    });

    test('seals anew what an older key had sealed, with the same hash, and leaves what is erased meanwhile', async () => {
      for (let count = 1; count <= 40; count++) {
        await store.commit({ entries: [{ body: anEntry('a'), payloads: { arguments: { count } } }] });
      }
      const token = { principal_key: 'p', token: 't', sealed: seal(place.keys.payload, newSalt(), 'v') };
      const row = queries.insertInto('tokens').values({ ...token, given_at: 1, expires_at: 2 });
      await store.commit({ statements: [statement(row)] });
      const old = place.keys.payload;
      const ring = {
        current: '0a0b0c0d',
        keys: new Map([...old.keys, ['0a0b0c0d', createSecretKey(randomBytes(32))]]),
      };
      const both = await Promise.all([rewrap(store, 'payloads', ring), rewrap(store, 'payloads', ring)]);
      expect(both[0].count + both[1].count).toBe(40);
      expect(await rewrap(store, 'tokens', ring)).toEqual({ count: 1, unreadable: 0 });
      expect(await sealedUnder(store, 'payloads')).toEqual(new Map([['0a0b0c0d', 40]]));
      expect(await sealedUnder(store, 'tokens')).toEqual(new Map([['0a0b0c0d', 1]]));
      const rows = await store.query<{ seq: number; sealed: Uint8Array }>(payloads);
      const written = await bodies();
      for (const { seq, sealed } of rows) {
        expect(openPayload(ring, sealed, written[seq - 1]!)).toEqual({ arguments: { count: seq } });
        expect(() => unseal(old, sealed)).toThrow('key 0a0b0c0d');
      }
      const strange = { current: 'ffffffff', keys: new Map([['ffffffff', createSecretKey(randomBytes(32))]]) };
      expect(await rewrap(store, 'payloads', strange)).toEqual({ count: 0, unreadable: 40 });
    });

    test('commits statements and entries together', async () => {
      await store.commit({ statements: [insertBroker('x')], entries: [{ body: anEntry('a') }] });
      expect(await store.query(brokers)).toEqual([{ id: 'x', started_at: 1, heartbeat_at: 1, stopped_at: null }]);
      expect(await bodies()).toHaveLength(1);
    });

    test('keeps nothing of a change whose expected rows were not there, and says Conflict', async () => {
      const stop = queries.updateTable('brokers').set({ stopped_at: 9 }).where('id', '=', 'nobody');
      const change = store.commit({
        statements: [insertBroker('x'), statement(stop, 1)],
        entries: [{ body: anEntry('a') }],
      });
      await expect(change).rejects.toBeInstanceOf(Conflict);
      expect(await store.query(brokers)).toEqual([]);
      expect(await bodies()).toEqual([]);
    });

    test('takes a row that is there already for a Conflict', async () => {
      await store.commit({ statements: [insertBroker('x')] });
      await expect(store.commit({ statements: [insertBroker('x')] })).rejects.toBeInstanceOf(Conflict);
    });

    test('gives each of many changes at once its own fate, and leaves no gap for those it refused', async () => {
      const changes = Array.from({ length: 300 }, (_, index) =>
        store.commit({ statements: [insertBroker(`b${index % 200}`)], entries: [{ body: anEntry(`e${index}`) }] }),
      );
      const fates = await Promise.allSettled(changes);
      expect(fates.filter((fate) => fate.status === 'fulfilled')).toHaveLength(200);
      expect(fates.filter((fate) => fate.status === 'rejected' && fate.reason instanceof Conflict)).toHaveLength(100);
      expect((await bodies()).map((body) => body['seq'])).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    });

    test('refuses a statement that makes no sense, and takes the next change', async () => {
      const nonsense = store.commit({ statements: [{ sql: 'update nowhere set a = 1', parameters: [] }] });
      await expect(nonsense).rejects.toBeInstanceOf(StoreError);
      expect(await store.commit({ entries: [{ body: anEntry('a') }] })).toEqual([1]);
      expect(store.health()).toEqual({ ok: true });
    });

    test('refuses an entry that has no canonical JSON', async () => {
      await expect(store.commit({ entries: [{ body: anEntry('\ud800') }] })).rejects.toThrow('lone surrogate');
      expect(await bodies()).toEqual([]);
    });

    test('is shared: two that have it open number their entries together, and see each other', async () => {
      const other = await place.open();
      const both = [store, other];
      const changes = Array.from({ length: 200 }, (_, index) =>
        both[index % 2]!.commit({ entries: [{ body: anEntry(`e${index}`) }] }),
      );
      const numbers = (await Promise.all(changes)).flat();
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
      expect(await bodies(other)).toEqual(await bodies());
      await other[Symbol.asyncDispose]();
    });

    test('has what it acknowledged after it was closed and opened again', async () => {
      await store.commit({ entries: [{ body: anEntry('a') }] });
      await store[Symbol.asyncDispose]();
      store = await place.open();
      expect(await store.commit({ entries: [{ body: anEntry('b') }] })).toEqual([2]);
    });

    test('is not troubled by a clock that is set back, or far ahead', async () => {
      let now = Date.parse('2026-06-01T12:00:00Z');
      await using other = await place.open({ ...systemClock, now: () => now });
      for (const step of [0, -3_600_000, 5 * 31_536_000_000, -9 * 31_536_000_000, 1]) {
        now += step;
        await other.commit({ entries: [{ body: anEntry('a'), payloads: { arguments: { step } } }] });
      }
      expect(other.health()).toEqual({ ok: true });
      const written = await bodies();
      expect(written.map((body) => body['seq'])).toEqual([1, 2, 3, 4, 5]);
      expect(written[1]!['time']).toBe('2026-06-01T11:00:00.000Z');
      const checks = { verifiers: [], payloadKeys: place.keys.payload, now };
      expect(await verifyLog(storeLogCopy(store), checks)).toMatchObject({ findings: [], payloads: { checked: 5 } });
    });

    test('finishes what was handed over before it closes, and takes nothing after', async () => {
      const change = store.commit({ entries: [{ body: anEntry('a') }] });
      await store[Symbol.asyncDispose]();
      expect(await change).toEqual([1]);
      await expect(store.commit({ entries: [{ body: anEntry('b') }] })).rejects.toBeInstanceOf(StoreError);
      store = await place.open();
      expect(await bodies()).toHaveLength(1);
    });
  });
}
