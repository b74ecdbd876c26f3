// Whether the story went as it should: held against the log, the database and the files, not against what was printed.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Decision } from '../core/invocation.ts';
import type { AgentRun } from './agent-run.ts';
import type { Carrier } from './carrier.ts';
import type { FollowedCall, LoggedEntry } from './followed-call.ts';
import type { ShopWitness } from './shop-witness-postgres.ts';
import type { Expected } from './story.ts';

export interface Check {
  readonly text: string;
  /** What was found instead; undefined where all is well. */
  readonly problem: string | undefined;
}

/** Each call of the story: made, decided by the rule that should, and logged in the right order. Pure. */
export function checkCalls(run: AgentRun, expected: readonly Expected[]): Check[] {
  return expected.map(({ tool, effect, rule }) => {
    const calls = run.calls.filter((call) => call.tool === tool);
    const decided = calls.find((call) => decisionOf(call)?.rules.includes(rule) === true);
    const problem = decided === undefined ? notDecided(calls) : problemOf(decided, effect);
    return {
      text: `${tool} ${WHAT_BECAME[effect](rule)}`,
      problem,
    };
  });
}

const WHAT_BECAME: Record<Expected['effect'], (rule: string) => string> = {
  allow: (rule) => `was allowed by ${rule}: intent, then outcome`,
  require_approval: (rule) => `waited for a person, as ${rule} says, and ran once after the yes`,
  deny: (rule) => `was denied by ${rule}, and not made`,
};

function decisionOf(call: FollowedCall): Pick<Decision, 'effect' | 'rules'> | undefined {
  return call.intent?.decision ?? call.refused?.decision;
}

function notDecided(calls: readonly FollowedCall[]): string {
  if (calls.length === 0) return 'the agent did not call it';
  return `it was decided so: ${JSON.stringify(calls.map(decisionOf))}`;
}

function problemOf(call: FollowedCall, effect: Expected['effect']): string | undefined {
  const { intent, outcome } = call;
  const decided = decisionOf(call)?.effect;
  if (decided !== effect) return `the decision was ${String(decided)}`;
  if (effect === 'deny') return intent === undefined ? undefined : 'an intent was written all the same';
  if (intent === undefined || outcome?.outcome !== 'succeeded') return `the outcome is ${JSON.stringify(outcome)}`;
  if (effect === 'require_approval' && intent.approval === undefined) return 'no approval was used for it';
  return intent.seq < outcome.seq ? undefined : 'the outcome stands before the intent';
}

const TOKEN = /tok_email_[a-z2-7]{26}/;

/** Pure. `secrets` are the raw values in the database. */
export function checkMasks(run: AgentRun, secrets: readonly string[]): Check[] {
  const shown = run.calls.find((call) => call.tool === 'find_customer')?.shown ?? '';
  const passedOn = run.calls.find((call) => call.tool === 'send_receipt')?.arguments ?? '';
  const token = TOKEN.exec(shown)?.[0];
  const leaked = secrets.filter((secret) => run.seen.includes(secret) || run.said.includes(secret));
  return [
    {
      text: 'the agent saw the last four digits of a card number',
      problem: /\*{4}4242/.test(shown) ? undefined : `it saw ${shown}`,
    },
    {
      text: 'the agent saw a token in the place of the e-mail address, and passed it on',
      problem: token !== undefined && passedOn.includes(token) ? undefined : `it saw ${shown} and sent ${passedOn}`,
    },
    {
      text: 'no card number, telephone number or password hash reached the agent in the raw',
      problem: leaked.length === 0 ? undefined : `${String(leaked.length)} did`,
    },
  ];
}

/** What the database says while the session lives: the calls ran under a role made for them, and once each. */
export async function checkDatabase(
  log: readonly LoggedEntry[],
  shop: ShopWitness,
  customer: string,
): Promise<Check[]> {
  const roles = await shop.roles(rolesOf(log));
  const sessions = [...roles.values()].reduce((sum, count) => sum + count, 0);
  const refunds = await shop.refunds();
  const receipts = await shop.receipts();
  return [
    {
      text: `the database knows the lease's role and its sessions (${[...roles.keys()].join(', ')})`,
      problem:
        roles.size > 0 && sessions > 0 ? undefined : `${String(roles.size)} roles with ${String(sessions)} sessions`,
    },
    {
      text: 'two orders are refunded: what was allowed and what was approved happened once, what was denied did not',
      problem: refunds === 2 ? undefined : `${String(refunds)} are`,
    },
    {
      text: 'the database got the e-mail address that the token stands for',
      problem: receipts.length === 1 && receipts[0] === customer ? undefined : `it got ${JSON.stringify(receipts)}`,
    },
  ];
}

/** What the carrier says: it was asked under a token that was made for it, for the caller itself. Pure. */
export function checkCarrier({ answered }: Pick<Carrier, 'answered'>, agent: string): Check {
  const [only, more] = answered;
  const right = only?.subject === agent && only.actor !== undefined && more === undefined;
  return {
    text: "the carrier was asked once, with a token of the caller's that is good there alone",
    problem: right ? undefined : `it answered ${JSON.stringify(answered)}`,
  };
}

/** What must be true once the broker has stopped: nothing left in the database, no secret in what it wrote. */
export async function checkRemains(
  log: readonly LoggedEntry[],
  shop: ShopWitness,
  dataDirectory: string,
  secrets: readonly string[],
): Promise<Check[]> {
  const issued = log.flatMap((entry) => (entry.type === 'lease.issued' ? [entry.lease] : []));
  const ended = new Set(
    log.flatMap((entry) => (/^lease\.(revoked|expired)$/.test(entry.type) && 'lease' in entry ? [entry.lease] : [])),
  );
  const unended = issued.filter((lease) => !ended.has(lease));
  const left = await shop.roles(rolesOf(log));
  const found = await filesWith(dataDirectory, secrets);
  return [
    {
      text: 'every lease has ended, and the log says so',
      problem: unended.length === 0 ? undefined : `no entry says that ${unended.join(', ')} ended`,
    },
    {
      text: 'no role of a lease is left in the database',
      problem: left.size === 0 ? undefined : `left: ${[...left.keys()].join(', ')}`,
    },
    {
      text: 'no raw value, token or secret is in any file of the broker',
      problem: found.length === 0 ? undefined : `found in ${found.join(', ')}`,
    },
  ];
}

function rolesOf(log: readonly LoggedEntry[]): string[] {
  return log.flatMap((entry) =>
    entry.type === 'lease.issued' && entry.provider === 'postgres-role' ? [entry.reference] : [],
  );
}

const WEB_TOKEN = /eyJ[\w-]{16,}\.eyJ[\w-]{16,}\./;

async function filesWith(directory: string, secrets: readonly string[]): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const held = await Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(file);
      return WEB_TOKEN.test(bytes.toString('latin1')) || secrets.some((secret) => bytes.includes(secret));
    }),
  );
  return files.filter((_, index) => held[index]);
}
