// A door that is skipped does not compile. Each line below `@ts-expect-error` is a way that somebody might try.
import type { Intent, Lease, Masked, Permit } from '../../src/core/evidence.ts';
import { Intent as IntentClass, Masked as MaskedClass, Permit as PermitClass } from '../../src/core/evidence.ts';
import type { MaskedProgress, Reply } from '../../src/core/broker.ts';
import type { Leases } from '../../src/core/credential.ts';
import type { Log } from '../../src/core/log.ts';
import { Principal } from '../../src/core/principal.ts';
import type { PrincipalFacts } from '../../src/core/principal.ts';
import type { ToolAnswer, ToolCall } from '../../src/core/tool.ts';

declare const facts: PrincipalFacts;
declare const permit: Permit;
declare const intent: Intent;
declare const lease: Lease;
declare const answer: ToolAnswer;
declare const log: Log;
declare const leases: Leases;
declare const intentBody: Parameters<Log['intent']>[1];
declare const backend: Parameters<Leases['acquire']>[1];
declare const signal: AbortSignal;

// Nobody constructs evidence.
// @ts-expect-error
new Principal(facts);
// @ts-expect-error
new PermitClass(permit.invocation, permit.decision, undefined);
// @ts-expect-error
new IntentClass(permit, 1);
// @ts-expect-error
new MaskedClass({ structured: {}, content: [], isError: false, counts: {} });

// A literal of the same shape is not evidence, and neither is a copy.
// @ts-expect-error
export const principal: Principal = { ...facts, key: 'somebody' };
// @ts-expect-error
export const likePermit: Permit = { invocation: permit.invocation, decision: permit.decision, approval: undefined };
// @ts-expect-error
export const copiedPermit: Permit = { ...permit };
// @ts-expect-error
export const likeIntent: Intent = { permit, seq: 1 };
// @ts-expect-error
export const likeLease: Lease = { ...lease };
// @ts-expect-error
export const likeMasked: Masked = { structured: {}, content: [], isError: false, counts: {} };

// One kind of evidence does not pass for another.
// @ts-expect-error
void log.intent(intent, intentBody, {});
// @ts-expect-error
void leases.acquire(permit, backend, signal);

// No call without an intent, no reply without the mask.
// @ts-expect-error
export const call: ToolCall = { lease, arguments: {}, deadline: 0, signal };
// @ts-expect-error
export const reply: Reply = { kind: 'result', invocation: 'id', result: answer, delivered: () => undefined };
// @ts-expect-error
export const words: MaskedProgress = { progress: 1, total: undefined, message: 'what the backend says' };
// @ts-expect-error
export const told: MaskedProgress = { progress: 1, total: undefined, message: { ...answer, counts: {} } };
