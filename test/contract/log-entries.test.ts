// The published schema of entries, and what erasing a payload leaves behind.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { EntryBody } from '../../src/core/entry.ts';
import type { Keys } from '../../src/core/keys.ts';
import type { Store } from '../../src/core/store.ts';
import { entrySchema } from '../../src/log/entry-schema.ts';
import { createErasures } from '../../src/log/erasures.ts';
import { createLog } from '../../src/log/log.ts';
import { recordedReply } from '../../src/log/payload.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { storeLogCopy } from '../../src/store/log-copy.ts';
import { payloadRecords, storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const principal = { issuer: 'https://issuer.example', subject: 'ann', actor: 'agent' };
const ofInvocation = { invocation: 'i', session: 's', principal, tool: 't', policy: 'p' };
const ofApproval = { approval: 'a', principal, session: 's', tool: 't', backend: 'b', policy: 'p' };
const decision = { effect: 'allow', reason: 'rule_matched', rules: ['r'] } as const;
const ofLease = { lease: 'l', backend: 'b', reference: 'role', session: 's', principal };
const person = { issuer: 'https://issuer.example', subject: 'fin', name: 'Fin' };
const time = '2026-11-23T21:00:00.000Z';

/** One of each type, with everything it can have: a new type or member does not compile until it is here. */
const samples: { readonly [Type in EntryBody['type']]: EntryBody & { type: Type } } = {
  refused: { ...ofInvocation, type: 'refused', code: 'denied', detail: 'd', decision, doors: { decide: 0.1 } },
  intent: { ...ofInvocation, type: 'intent', backend: 'b', digest: 'd', decision, approval: 'a', grant: 'g' },
  outcome: {
    ...ofInvocation,
    type: 'outcome',
    backend: 'b',
    outcome: 'withheld',
    code: 'result_withheld',
    detail: 'd',
    lease: 'l',
    masked: { '$.a': 1 },
    joined: 'j',
    truncated: true,
    bytes: 5,
    doors: { mask: 0.25 },
  },
  'mask.disagreement': { ...ofInvocation, type: 'mask.disagreement', backend: 'b', path: '$.a' },
  'token.requested': { type: 'token.requested', request: 'r', token: 'tok', person, reason: 'r' },
  'token.approved': { type: 'token.approved', request: 'r', token: 'tok', person },
  'token.revealed': {
    type: 'token.revealed',
    token: 'tok',
    person,
    reason: 'r',
    request: 'r',
    approver: person,
  },
  'approval.requested': {
    ...ofApproval,
    type: 'approval.requested',
    invocation: 'i',
    digest: 'd',
    rules: ['r'],
    expires: time,
  },
  'approval.reviewed': {
    ...ofApproval,
    type: 'approval.reviewed',
    person,
    verdict: 'approve',
    reason: 'r',
    state: 'approved',
  },
  'approval.used': { ...ofApproval, type: 'approval.used', invocation: 'i' },
  'approval.expired': { ...ofApproval, type: 'approval.expired' },
  'approval.cancelled': { ...ofApproval, type: 'approval.cancelled' },
  'grant.given': { ...ofApproval, type: 'grant.given', grant: 'g', uses: 3, expires: time },
  'grant.ended': { ...ofApproval, type: 'grant.ended', grant: 'g', reason: 'revoked', person },
  'lease.issued': { ...ofLease, type: 'lease.issued', provider: 'postgres-role', invocation: 'i', expires: time },
  'lease.revoked': { ...ofLease, type: 'lease.revoked', reason: 'session', validUntil: time },
  'lease.expired': { ...ofLease, type: 'lease.expired', reason: 'ttl', validUntil: time },
  'lease.stranded': { ...ofLease, type: 'lease.stranded', provider: 'postgres-role' },
  'lease.recalled': { ...ofLease, type: 'lease.recalled', provider: 'postgres-role', reason: 'r', person },
  'principal.blocked': { type: 'principal.blocked', kind: 'subject', name: 'n', issuer: 'i', reason: 'r', person },
  'principal.unblocked': { type: 'principal.unblocked', kind: 'session', name: 'n', issuer: 'i', reason: 'r', person },
  'backend.disabled': { type: 'backend.disabled', backend: 'b', reason: 'r', person },
  'backend.enabled': { type: 'backend.enabled', backend: 'b', reason: 'r', person },
  'policy.loaded': { type: 'policy.loaded', policy: 'p', tools: 1, rules: 2 },
  'policy.refused': { type: 'policy.refused', policy: 'p', problems: ['x'] },
  'upstream.changed': {
    type: 'upstream.changed',
    backend: 'b',
    tools: [{ name: 'n', change: 'shadowing' }],
    more: 1,
  },
  'payload.erased': { type: 'payload.erased', entries: [1], reason: 'r', person },
  'key.rewrapped': { type: 'key.rewrapped', purpose: 'payload', key: '0a1b2c3d', count: 3 },
  signin: { type: 'signin', person },
  'auth.failures': { type: 'auth.failures', count: 1, reasons: { expired: 1 }, from: time, to: time },
  'broker.started': { type: 'broker.started', broker: 'b', version: '1' },
  'broker.stopped': { type: 'broker.stopped', broker: 'b', version: '1' },
};

let directory: string;
let keys: Keys;
let store: Store;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-entries-'));
  keys = await loadKeys(join(directory, 'keys'));
  store = await openSqliteStore({ file: join(directory, 'sallyport.db'), keys });
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const ajv = new Ajv2020({ allErrors: true });
addFormats.default(ajv);
const validate = ajv.compile(entrySchema);

describe('the schema of entries', () => {
  test.each(Object.entries(samples))('fits %s as it is written', async (type, body) => {
    const payloads = type === 'intent' ? { payloads: { arguments: { a: 1 } } } : {};
    const [seq] = await createLog({ store, broker: 'b' }).append([{ body, ...payloads }]);
    const [entry] = await storeLogSource(store).entries({ afterSeq: seq! - 1 }, 1);
    const written = JSON.parse(entry!.text) as Record<string, unknown>;
    validate(written);
    expect(validate.errors).toBeNull();
    expect(validate({ ...written, surprise: 1 })).toBe(false);
    const { time: _, ...timeless } = written;
    expect(validate(timeless)).toBe(false);
  });
});

describe('an erased payload', () => {
  test('is gone from the files, is named by an entry, and the log still verifies', async () => {
    const log = createLog({ store, broker: 'b' });
    const body = { ...samples.outcome, invocation: 'erased' };
    const [seq] = await log.append([{ body, payloads: { result: { email: 'ann@example.com' } } }]);
    const source = storeLogSource(store);
    expect(await recordedReply(source, keys.payload, 'erased')).toEqual({ email: 'ann@example.com' });
    const sealed = Buffer.from((await source.sealedPayload(seq!))!);
    const kept = async () => (await payloadRecords(store).after(0, 100)).map((payload) => payload.seq);
    expect(await kept()).toContain(seq);

    const erasures = createErasures({ log, payloads: payloadRecords(store), clock: systemClock });
    const request = { entries: [seq!, seq!], reason: 'asked for by the person' };
    expect(await erasures.erase({ ...person, groups: [] }, request)).toBe(1);
    expect(await recordedReply(source, keys.payload, 'erased')).toBeUndefined();
    expect(await kept()).not.toContain(seq);
    expect(await erasures.erase({ ...person, groups: [] }, request)).toBe('missing');
    const found = await verifyLog(storeLogCopy(store), { verifiers: [], payloadKeys: keys.payload, now: 0 });
    expect(found).toMatchObject({ findings: [], payloads: { erased: 1, checked: 1 } });

    await store[Symbol.asyncDispose]();
    for (const name of (await readdir(directory)).filter((file) => file.startsWith('sallyport.db'))) {
      expect((await readFile(join(directory, name))).includes(sealed.subarray(5, 37))).toBe(false);
    }
    store = await openSqliteStore({ file: join(directory, 'sallyport.db'), keys });
  });
});
