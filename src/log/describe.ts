// Entries in words, for people. Pure; what is returned may be printed as it is.
import type { Json, JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import { printable } from '../core/printable.ts';

/** Who called: the subject, and the agent if it is another. */
export function whoOf(body: JsonObject): string {
  const principal = body['principal'];
  if (!isJsonObject(principal)) return '';
  const { subject, actor } = principal;
  return subject === actor ? word(subject) : `${word(subject)} via ${word(actor)}`;
}

/** What an entry says beyond its type, time, principal and tool. */
export function gistOf(body: JsonObject): string {
  const parts = [
    textOf(body['outcome']),
    textOf(body['code']),
    decisionOf(body['decision']),
    named('approval', body['approval']),
    previewOf(body),
    reviewOf(body),
    named('lease', body['lease']),
    body['type'] === 'lease.issued' ? named('by', body['provider']) : '',
    stoppedOf(body),
    word(body['reference']),
    named('until', body['expires']),
    named('because of', body['reason']),
    named('its credential is good until', body['validUntil']),
    body['type'] === 'lease.stranded' ? 'its backend is not declared any more, so nothing can end it' : '',
    maskedOf(body['masked']),
    body['truncated'] === true ? 'truncated' : '',
    named('same run as', body['joined']),
    body['type'] === 'policy.loaded' ? `${count(body['tools'], 'tool')}, ${count(body['rules'], 'rule')}` : '',
    body['type'] === 'upstream.changed' ? changesOf(body) : '',
    Array.isArray(body['problems']) ? count(body['problems'].length, 'problem') : '',
    body['type'] === 'auth.failures' ? count(body['count'], 'failure') : '',
    body['type'] === 'key.rewrapped'
      ? `${count(body['count'], 'row')} sealed anew under ${word(body['purpose'])} key ${word(body['key'])}`
      : '',
    named('version', body['version']),
    textOf(body['detail']),
  ];
  return printable(parts.filter((part) => part !== '').join(', '));
}

function reviewOf({ verdict, person, state }: JsonObject): string {
  if (!isJsonObject(person)) return '';
  if (verdict === undefined) return `by ${word(person['name'])}`;
  return `${verdict === 'approve' ? 'approved' : 'denied'} by ${word(person['name'])} (now ${word(state)})`;
}

function previewOf({ type, preview }: JsonObject): string {
  return named(type === 'intent' ? 'a look ahead for approval' : 'with preview', preview);
}

function changesOf({ backend, tools, more }: JsonObject): string {
  const listed = (Array.isArray(tools) ? (tools as readonly Json[]) : []).flatMap((tool) =>
    isJsonObject(tool) ? [`${word(tool['name'])} ${word(tool['change'])}`] : [],
  );
  return `${word(backend)}: ${listed.join(', ')}${typeof more === 'number' ? ` and ${String(more)} more` : ''}`;
}

/** What an operator blocked or disabled, or lets be again. */
function stoppedOf({ type, kind, name, issuer, backend }: JsonObject): string {
  if (type === 'backend.disabled' || type === 'backend.enabled') return `backend ${word(backend)}`;
  if (type !== 'principal.blocked' && type !== 'principal.unblocked') return '';
  return `${word(kind)} ${word(name)}${issuer === undefined ? '' : ` of ${word(issuer)}`}`;
}

function decisionOf(decision: Json | undefined): string {
  if (!isJsonObject(decision)) return '';
  const words = { allow: 'allowed', deny: 'denied', require_approval: 'needs approval' };
  const effect = words[decision['effect'] as keyof typeof words];
  const rules = Array.isArray(decision['rules']) ? decision['rules'].join(', ') : '';
  if (rules === '') return `${effect}: no rule matched`;
  return `${effect} by ${rules}${decision['reason'] === 'rule_failed_closed' ? ' (which could not be evaluated)' : ''}`;
}

/** `identify 0.1 ms, decide 0.02 ms`, in the order of the doors. */
export function doorsOf(doors: Json | undefined): string {
  if (!isJsonObject(doors)) return '';
  const order = [
    'identify',
    'parse',
    'decide',
    'approve',
    'intent',
    'lease',
    'credential',
    'call',
    'backend',
    'mask',
    'outcome',
  ];
  const place = (door: string) => (order.includes(door) ? order.indexOf(door) : order.length);
  return Object.entries(doors)
    .toSorted(([a], [b]) => place(a) - place(b))
    .map(([door, ms]) => `${printable(door)} ${word(ms)} ms`)
    .join(', ');
}

/** A text or number of an entry, fit to be printed. */
export function word(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? printable(String(value)) : '';
}

function maskedOf(masked: Json | undefined): string {
  if (!isJsonObject(masked) || Object.keys(masked).length === 0) return '';
  const taken = Object.entries(masked).map(([path, times]) => `${path} × ${word(times)}`);
  return `masked ${taken.join(', ')}`;
}

function named(name: string, value: Json | undefined): string {
  return typeof value === 'string' ? `${name} ${value}` : '';
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value.replaceAll('_', ' ') : '';
}

function count(value: Json | undefined, noun: string): string {
  return `${word(value)} ${noun}${value === 1 ? '' : 's'}`;
}
