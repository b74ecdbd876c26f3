// The policy set as the broker sees it: immutable, replaced as a whole when the files change. Made by src/policy.
import type { ApprovalRequirement } from './approval.ts';
import type { PrincipalFacts } from './principal.ts';
import type { Decision } from './invocation.ts';
import type { JsonObject } from './json.ts';
import type { Tool } from './tool.ts';

export interface PolicySet {
  /** SHA-256 (hex) over the names and texts of its files. */
  readonly version: string;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly rules: readonly Rule[];
}

/** What a decision is about. `when` conditions see exactly this (design: args, principal, tool, session, now). */
export interface DecisionRequest {
  /** Facts, not evidence: `explain` asks about callers who are not there. A permit still needs a verified principal. */
  readonly principal: PrincipalFacts;
  readonly tool: Tool;
  readonly arguments: JsonObject;
  readonly session: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** A compiled rule. */
export interface Rule {
  readonly id: string;
  readonly effect: Decision['effect'];
  readonly message: string | undefined;
  /** What a person must say for it; defined where, and only where, it asks for approval. */
  readonly approval: ApprovalRequirement | undefined;
  /** SHA-256 (hex) over its declaration. */
  readonly definitionHash: string;
  /** Whether it could ever concern this principal and tool, arguments aside. */
  concerns(principal: PrincipalFacts, tool: string): boolean;
  /** Its `when`; always true where it has none. Throws when it cannot be evaluated. */
  when(request: DecisionRequest): boolean;
}
