// One `tools/call`, and what was decided about it.
import type { JsonObject } from './json.ts';
import type { Principal } from './principal.ts';

export interface Invocation {
  /** UUIDv7. */
  readonly id: string;
  /** Id of the session it belongs to (see src/identity/sessions.ts): a label, never an authority. */
  readonly session: string;
  readonly principal: Principal;
  readonly tool: string;
  /** As sent by the agent, after the bounds of the edge. */
  readonly arguments: JsonObject;
  /** Milliseconds since the Unix epoch. */
  readonly arrivedAt: number;
}

export type Effect = 'allow' | 'require_approval' | 'deny';

/** Why a decision came out as it did: data, for the log and for `explain`. */
export type DecisionReason =
  | 'rule_matched'
  /** A rule that denies or asks could not be evaluated, and so counts as matched. */
  | 'rule_failed_closed'
  | 'no_rule_matched';

export interface Decision {
  readonly effect: Effect;
  readonly reason: DecisionReason;
  /** Ids of the deciding rules; empty only for `no_rule_matched`. */
  readonly rules: readonly string[];
  /** The first deciding rule's own words for the agent, where it has some. */
  readonly message?: string;
  /** Version (hash) of the policy set that decided. */
  readonly policyVersion: string;
}
