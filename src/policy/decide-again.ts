// The decision about a recorded call, made again under other policies. Pure.
import type { Effect } from '../core/invocation.ts';
import type { JsonObject } from '../core/json.ts';
import type { DecisionRequest, PolicySet } from '../core/policy.ts';
import { decide, visibleTool } from './decide.ts';

export interface Ruling {
  readonly effect: Effect;
  /** Ids of the deciding rules. */
  readonly rules: readonly string[];
  /** Why the call did not get as far as a decision. */
  readonly because?: 'unknown_tool' | 'invalid_arguments';
}

export interface RecordedCall extends Omit<DecisionRequest, 'tool'> {
  readonly tool: string;
  readonly arguments: JsonObject;
}

/** As the broker would have ruled, had these policies been in force. */
export function decideAgain(policies: PolicySet, { tool: name, ...call }: RecordedCall): Ruling {
  const tool = visibleTool(policies, call.principal, name);
  if (tool === undefined) return { effect: 'deny', rules: [], because: 'unknown_tool' };
  if (tool.validate(call.arguments).length > 0) return { effect: 'deny', rules: [], because: 'invalid_arguments' };
  const { effect, rules } = decide(policies, { ...call, tool });
  return { effect, rules };
}

/** Whether the caller would notice: another effect, or other rules that send it to people. */
export function isSameRuling(one: Ruling, other: Ruling): boolean {
  if (one.effect !== other.effect) return false;
  return one.effect !== 'require_approval' || one.rules.toSorted().join() === other.rules.toSorted().join();
}
