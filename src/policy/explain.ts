// What would become of a call, door by door. Pure: decides as `decide` does, and calls nothing.
import { refuse } from '../core/errors.ts';
import type { DecisionReason, Effect } from '../core/invocation.ts';
import type { DecisionRequest, PolicySet, Rule } from '../core/policy.ts';
import { assess, decide, visibleTool } from './decide.ts';
import { denied, unfit } from './refusals.ts';

/** `ask`: a person decides. `unreached`: an earlier door is shut. */
export type DoorState = 'open' | 'ask' | 'shut' | 'unreached';

export interface ExplainedDoor {
  readonly door: 'identify' | 'parse' | 'decide' | 'approve' | 'credential' | 'backend' | 'mask';
  readonly state: DoorState;
  /** One line each. */
  readonly facts: readonly string[];
}

export interface Explanation {
  readonly effect: Effect;
  /** Absent where the call does not get as far as a decision. */
  readonly reason?: DecisionReason;
  /** Ids of the deciding rules. */
  readonly rules: readonly string[];
  /** What the agent is told, where the call is stopped. */
  readonly words?: string;
  readonly doors: readonly ExplainedDoor[];
  readonly masks: readonly { readonly path: string; readonly action: string }[];
  /** Version of the policy set. */
  readonly policy: string;
}

export function explainCall(policies: PolicySet, request: DecisionRequest): Explanation {
  const { principal, tool, arguments: args } = request;
  const who = `${principal.subject} through ${principal.actor}, signed in at ${principal.issuer}`;
  const groups = principal.groups.length === 0 ? 'in no group' : `in ${principal.groups.join(', ')}`;
  const identify: ExplainedDoor = { door: 'identify', state: 'open', facts: [`${who} (taken as given)`, groups] };
  const masks = tool.mask.describe();
  const common = { masks, policy: policies.version };

  if (visibleTool(policies, principal, tool.name) === undefined) {
    const { words } = refuse('unknown_tool');
    const facts = ['no rule could ever allow this tool for this caller, so it is not even listed'];
    const doors = [
      identify,
      { door: 'parse', state: 'shut', facts } as const,
      ...unreached('decide', 'approve', 'credential', 'backend', 'mask'),
    ];
    return { effect: 'deny', rules: [], words, doors, ...common };
  }
  const misfits = tool.validate(args);
  if (misfits.length > 0) {
    const doors = [
      identify,
      { door: 'parse', state: 'shut', facts: misfits } as const,
      ...unreached('decide', 'approve', 'credential', 'backend', 'mask'),
    ];
    return { effect: 'deny', rules: [], words: unfit(misfits).words, doors, ...common };
  }
  const parse: ExplainedDoor = { door: 'parse', state: 'open', facts: ['the arguments fit the tool'] };

  const decision = decide(policies, request);
  const { effect, reason, rules } = decision;
  const state = ({ allow: 'open', require_approval: 'ask', deny: 'shut' } as const)[effect];
  const decided: ExplainedDoor = { door: 'decide', state, facts: ruleFacts(policies, request, rules) };
  const doors = [identify, parse, decided, ...later(request, effect, masks)];
  return { effect, reason, rules, ...(effect === 'deny' && { words: denied(decision).words }), doors, ...common };
}

function later({ tool }: DecisionRequest, effect: Effect, masks: Explanation['masks']): ExplainedDoor[] {
  if (effect === 'deny') return unreached('approve', 'credential', 'backend', 'mask');
  const { credential, kind, name } = tool.backend;
  const lease =
    credential === undefined
      ? 'the backend takes no credential'
      : `${credential.kind}, for this ${credential.scope}, at most ${String(credential.ttlMs / 1_000)} s`;
  const manner = tool.annotations.readOnly ? 'read-only' : tool.annotations.destructive ? 'destructive' : 'writing';
  return [
    effect === 'allow'
      ? { door: 'approve', state: 'open', facts: ['nobody needs to be asked'] }
      : { door: 'approve', state: 'ask', facts: ['a person must approve this very call'] },
    { door: 'credential', state: 'open', facts: [lease] },
    {
      door: 'backend',
      state: 'open',
      facts: [`${name} (${kind}), ${manner}, at most ${String(tool.timeoutMs / 1_000)} s`],
    },
    {
      door: 'mask',
      state: 'open',
      facts: masks.length === 0 ? ['nothing is masked'] : masks.map(({ path, action }) => `${path}: ${action}`),
    },
  ];
}

function unreached(...doors: ExplainedDoor['door'][]): ExplainedDoor[] {
  return doors.map((door) => ({ door, state: 'unreached', facts: ['not reached'] }));
}

/** Every rule that concerns the caller and the tool, and what became of it. */
function ruleFacts(policies: PolicySet, request: DecisionRequest, deciding: readonly string[]): string[] {
  const concerned = policies.rules.filter((rule) => rule.concerns(request.principal, request.tool.name));
  return concerned.map(
    (rule) =>
      `${rule.id} (${rule.effect}): ${outcome(rule, request)}${deciding.includes(rule.id) ? ', and decides' : ''}`,
  );
}

function outcome(rule: Rule, request: DecisionRequest): string {
  switch (assess(rule, request)) {
    case 'matched':
      return 'matches';
    case 'not_matched':
      return 'its condition does not hold';
    case 'failed':
      return rule.effect === 'allow'
        ? 'cannot be evaluated, so it allows nothing'
        : 'cannot be evaluated, so it counts';
  }
}
