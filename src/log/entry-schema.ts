// The published JSON Schema (2020-12) of an entry. A member of EntryBody that is not described here does not compile. Pure.
import type { EntryBody } from '../core/entry.ts';
import type { JsonSchema } from '../core/json.ts';

type Type = EntryBody['type'];
type BodyOf<Wanted extends Type, Body = EntryBody> = Body extends { type: infer Found }
  ? Wanted extends Found
    ? Body
    : never
  : never;
type OptionalKeys<Body> = {
  [Key in keyof Body]-?: Partial<Pick<Body, Key>> extends Pick<Body, Key> ? Key : never;
}[keyof Body];

/** What each member of a body is: those that are always there, and those that may be missing. */
interface Described<Body> {
  readonly always: Readonly<Record<Exclude<keyof Body, OptionalKeys<Body> | 'type'>, JsonSchema>>;
  readonly maybe: Readonly<Record<OptionalKeys<Body>, JsonSchema>>;
}

const text: JsonSchema = { type: 'string' };
const time: JsonSchema = { type: 'string', format: 'date-time' };
const whole: JsonSchema = { type: 'integer', minimum: 0 };
const texts: JsonSchema = { type: 'array', items: text };
const flag: JsonSchema = { type: 'boolean' };
const numbers: JsonSchema = { type: 'object', additionalProperties: { type: 'number' } };

function closed(
  required: Readonly<Record<string, JsonSchema>>,
  optional: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  const properties = { ...required, ...optional };
  return { type: 'object', properties, required: Object.keys(required), additionalProperties: false };
}

function oneOf(...values: readonly string[]): JsonSchema {
  return { enum: values };
}

const principal = closed({ issuer: text, subject: text, actor: text });
const person = closed({ issuer: text, subject: text, name: text });
const decision = closed({
  effect: oneOf('allow', 'require_approval', 'deny'),
  reason: oneOf('rule_matched', 'rule_failed_closed', 'no_rule_matched'),
  rules: texts,
});
const upstreamTool = closed({ name: text, change: oneOf('changed', 'added', 'removed', 'shadowing') });
const ofInvocation = { invocation: text, session: text, principal, tool: text, policy: text };
const ofApproval = { approval: text, principal, session: text, tool: text, backend: text, policy: text };
const ofLease = { lease: text, backend: text, reference: text, session: text, principal, reason: text };
const ofPrincipal = { kind: oneOf('subject', 'agent', 'session'), name: text, reason: text, person };

const BODIES: { readonly [Each in Type]: Described<BodyOf<Each>> } = {
  refused: { always: { ...ofInvocation, code: text }, maybe: { detail: text, decision, doors: numbers } },
  intent: {
    always: { ...ofInvocation, backend: text, digest: text, decision },
    maybe: { approval: text, grant: text, preview: text },
  },
  outcome: {
    always: {
      ...ofInvocation,
      backend: text,
      outcome: oneOf('succeeded', 'failed', 'unknown', 'withheld', 'cancelled'),
      doors: numbers,
    },
    maybe: {
      code: text,
      detail: text,
      lease: text,
      masked: numbers,
      joined: text,
      truncated: flag,
      bytes: whole,
    },
  },
  'mask.disagreement': { always: { ...ofInvocation, backend: text, path: text }, maybe: {} },
  'approval.requested': {
    always: { ...ofApproval, invocation: text, digest: text, rules: texts, expires: time },
    maybe: { preview: text },
  },
  'approval.reviewed': {
    always: { ...ofApproval, person, verdict: oneOf('approve', 'deny'), state: text },
    maybe: { reason: text },
  },
  'approval.used': { always: { ...ofApproval, invocation: text }, maybe: {} },
  'approval.expired': { always: ofApproval, maybe: {} },
  'approval.cancelled': { always: ofApproval, maybe: {} },
  'grant.given': { always: { ...ofApproval, grant: text, uses: whole, expires: time }, maybe: {} },
  'grant.ended': {
    always: { ...ofApproval, grant: text, reason: oneOf('used_up', 'expired', 'revoked') },
    maybe: { person },
  },
  'lease.issued': {
    always: {
      lease: text,
      backend: text,
      provider: text,
      reference: text,
      session: text,
      principal,
      invocation: text,
      expires: time,
    },
    maybe: {},
  },
  'lease.revoked': { always: ofLease, maybe: { validUntil: time } },
  'lease.expired': { always: ofLease, maybe: { validUntil: time } },
  'lease.stranded': {
    always: { lease: text, backend: text, provider: text, reference: text, session: text, principal },
    maybe: {},
  },
  'lease.recalled': { always: { ...ofLease, provider: text, person }, maybe: {} },
  'principal.blocked': { always: ofPrincipal, maybe: { issuer: text } },
  'principal.unblocked': { always: ofPrincipal, maybe: { issuer: text } },
  'backend.disabled': { always: { backend: text, reason: text, person }, maybe: {} },
  'backend.enabled': { always: { backend: text, reason: text, person }, maybe: {} },
  'policy.loaded': { always: { policy: text, tools: whole, rules: whole }, maybe: {} },
  'policy.refused': { always: { problems: texts }, maybe: { policy: text } },
  'upstream.changed': {
    always: { backend: text, tools: { type: 'array', items: upstreamTool } },
    maybe: { more: whole },
  },
  'payload.erased': { always: { entries: { type: 'array', items: whole }, reason: text }, maybe: { person } },
  'key.rewrapped': {
    always: { purpose: oneOf('payload', 'token-sealing'), key: text, count: whole },
    maybe: {},
  },
  'token.requested': { always: { request: text, token: text, person, reason: text }, maybe: {} },
  'token.approved': { always: { request: text, token: text, person }, maybe: {} },
  'token.revealed': { always: { token: text, person, reason: text }, maybe: { request: text, approver: person } },
  signin: { always: { person }, maybe: {} },
  'auth.failures': { always: { count: whole, reasons: numbers, from: time, to: time }, maybe: {} },
  'broker.started': { always: { broker: text, version: text }, maybe: {} },
  'broker.stopped': { always: { broker: text, version: text }, maybe: {} },
};

/** What the store and the log add to every body. */
const added = { seq: { type: 'integer', minimum: 1 }, time, v: { const: 1 } };
const payload = closed({ bytes: whole, sha256: { type: 'string', pattern: '^[A-Za-z0-9+/]{43}=$' } });

export const entrySchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'An entry of the Sallyport log',
  oneOf: Object.entries(BODIES).map(([type, { always, maybe }]) =>
    closed({ ...always, type: { const: type }, ...added }, { broker: text, payload, ...maybe }),
  ),
};
