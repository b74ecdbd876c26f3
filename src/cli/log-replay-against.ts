// `sallyport log replay --against`: the calls of a session, decided again under other policies. No backend is touched.
import { colours as pc } from './colours.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { PolicySet } from '../core/policy.ts';
import { decideAgain, isSameRuling, type RecordedCall, type Ruling } from '../policy/decide-again.ts';
import { word } from '../log/describe.ts';
import type { LogPlace } from './log-place.ts';
import { allEntries, stepOf, type Step } from './log-steps.ts';
import { EXIT, UsageError } from './terminal.ts';

/** What begins a call, or ends it before it begins. */
const BEGINNINGS: readonly unknown[] = ['approval.requested', 'intent', 'refused'];

interface Compared {
  readonly seq: number;
  readonly invocation: string;
  readonly tool: string;
  readonly before: Ruling;
  /** A text says why it cannot be told. */
  readonly now: Ruling | string;
}

/** Prints what would have been decided differently; resolves with the exit code: 1 where something would, or cannot be told. */
export async function replayAgainst(
  place: LogPlace,
  session: string,
  policies: PolicySet,
  { json }: { readonly json?: true | undefined },
): Promise<number> {
  const compared: Compared[] = [];
  const seen = new Set<string>();
  let isKnown = false;
  for await (const entry of allEntries(place, { session })) {
    isKnown = true;
    const step = await stepOf(place, entry);
    const invocation = word(step.body['invocation']);
    const before = rulingOf(step.body);
    if (before === undefined || seen.has(invocation)) continue;
    seen.add(invocation);
    const call = callOf(step);
    const now = typeof call === 'string' ? call : decideAgain(policies, call);
    compared.push({ seq: entry.seq, invocation, tool: word(step.body['tool']), before, now });
  }
  if (!isKnown) throw new UsageError(`the log has no session ${session}`, 'Entries name theirs: log list --json');
  const changed = compared.filter(({ before, now }) => typeof now === 'string' || !isSameRuling(before, now));
  process.stdout.write(
    json
      ? `${JSON.stringify({ policy: policies.version, calls: compared.length, changed }, null, 2)}\n`
      : report(compared, changed, policies.version),
  );
  return changed.length === 0 ? EXIT.good : EXIT.no;
}

/** What became of the call at the first three doors; undefined where the entry is about something else. */
function rulingOf(body: JsonObject): Ruling | undefined {
  const { type, code, decision } = body;
  if (!BEGINNINGS.includes(type)) return undefined;
  // A look ahead for approvers: the call it looked at is compared.
  if (type === 'intent' && body['preview'] !== undefined) return undefined;
  if (type === 'approval.requested') return { effect: 'require_approval', rules: textsOf(body['rules']) };
  if (isJsonObject(decision))
    return { effect: decision['effect'] as Ruling['effect'], rules: textsOf(decision['rules']) };
  if (code === 'unknown_tool' || code === 'invalid_arguments') return { effect: 'deny', rules: [], because: code };
  return undefined;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

function callOf({ body, payloads }: Step): RecordedCall | string {
  if (payloads === undefined) return 'it was written without its arguments';
  if (typeof payloads === 'string') return `its payload is ${payloads}`;
  const { principal: named } = body;
  const { arguments: sent, principal: facts } = payloads;
  if (sent === undefined || facts === undefined || !isJsonObject(named)) {
    return 'it was written before the log kept the groups, scopes and claims of callers';
  }
  return {
    principal: {
      issuer: word(named['issuer']),
      subject: word(named['subject']),
      actor: word(named['actor']),
      ...facts,
      expiresAt: Number.MAX_SAFE_INTEGER,
    },
    tool: word(body['tool']),
    arguments: sent,
    session: word(body['session']),
    now: arrivalOf(body),
  };
}

/** Rules saw the time of arrival, which is in the invocation's id (UUIDv7); the entry can be as late as a person was. */
function arrivalOf({ invocation, time }: JsonObject): number {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(word(invocation)) ?? [];
  return high === undefined || low === undefined ? Date.parse(word(time)) : parseInt(high + low, 16);
}

function report(compared: readonly Compared[], changed: readonly Compared[], version: string): string {
  const lines = changed.map(({ seq, invocation, tool, before, now }) => {
    const head = `${pc.dim(`#${seq}`)} ${pc.bold(tool)} ${pc.dim(invocation)}`;
    const after = typeof now === 'string' ? pc.red(`cannot be told: ${now}`) : pc.yellow(ruled(now));
    return `${head}\n   ${ruled(before)} → ${after}`;
  });
  const different = changed.filter(({ now }) => typeof now !== 'string').length;
  const untold = changed.length - different;
  const counts = [
    `${compared.length} calls`,
    `${different} would be decided differently`,
    ...(untold === 0 ? [] : [`${untold} cannot be told`]),
  ];
  return `${[...lines, counts.join(', '), pc.dim(`policies ${version.slice(0, 12)}`)].join('\n')}\n`;
}

const EFFECTS = { allow: 'allowed', deny: 'refused', require_approval: 'needs approval' } as const;
const BECAUSE = {
  unknown_tool: 'no such tool for this caller',
  invalid_arguments: 'the arguments do not fit',
} as const;

function ruled({ effect, rules, because }: Ruling): string {
  if (because !== undefined) return `${EFFECTS[effect]}: ${BECAUSE[because]}`;
  return rules.length === 0
    ? `${EFFECTS[effect]}: no rule matched`
    : `${EFFECTS[effect]} by ${rules.map(word).join(', ')}`;
}
