// The decision. Pure: the same policies and the same request give the same answer.
import { Permit } from '../core/evidence.ts';
import type { Decision, Invocation } from '../core/invocation.ts';
import type { DecisionRequest, PolicySet, Rule } from '../core/policy.ts';
import type { PrincipalFacts } from '../core/principal.ts';
import type { Tool } from '../core/tool.ts';

/** What became of one rule in one decision. */
export type Verdict = 'matched' | 'not_matched' | 'failed';

/**
 * Deny beats require_approval beats allow; no rule means deny. A rule that cannot be evaluated counts as matched where it
 * denies or asks, and as not matched where it allows.
 */
export function decide(policies: PolicySet, request: DecisionRequest): Decision {
  const concerned = policies.rules.filter((rule) => rule.concerns(request.principal, request.tool.name));
  for (const effect of ['deny', 'require_approval', 'allow'] as const) {
    const deciding: Rule[] = [];
    let failed = false;
    for (const rule of concerned) {
      if (rule.effect !== effect) continue;
      const verdict = assess(rule, request);
      if (verdict === 'not_matched' || (verdict === 'failed' && effect === 'allow')) continue;
      deciding.push(rule);
      failed ||= verdict === 'failed';
      // One denial or permission is enough; every rule that asks for a person must get one.
      if (effect !== 'require_approval') break;
    }
    if (deciding.length === 0) continue;
    const message = deciding.find((rule) => rule.message !== undefined)?.message;
    return {
      effect,
      reason: failed ? 'rule_failed_closed' : 'rule_matched',
      rules: deciding.map((rule) => rule.id),
      ...(message === undefined ? {} : { message }),
      policyVersion: policies.version,
    };
  }
  return { effect: 'deny', reason: 'no_rule_matched', rules: [], policyVersion: policies.version };
}

/** Holds one rule that concerns the caller and the tool against the request. */
export function assess(rule: Rule, request: DecisionRequest): Verdict {
  try {
    return rule.when(request) ? 'matched' : 'not_matched';
  } catch {
    return 'failed';
  }
}

/** The permit for an invocation that was decided to be allowed; undefined for every other decision. */
export function permitFor(invocation: Invocation, decision: Decision): Permit | undefined {
  return decision.effect === 'allow' ? Permit.allowed(invocation, decision) : undefined;
}

/** The tools that some call of this principal's could be allowed for, or sent to a person, and that can be called now; by name. */
export function visibleTools(policies: PolicySet, principal: PrincipalFacts): readonly Tool[] {
  return [...policies.tools.values()]
    .filter((tool) => visibleTool(policies, principal, tool.name) !== undefined && tool.available?.() !== false)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The tool of this name, where this principal sees it. */
export function visibleTool(policies: PolicySet, principal: PrincipalFacts, name: string): Tool | undefined {
  const visible = policies.rules.some((rule) => rule.effect !== 'deny' && rule.concerns(principal, name));
  return visible ? policies.tools.get(name) : undefined;
}
