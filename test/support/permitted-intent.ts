// A permitted invocation, and its durable intent, for tests of what comes after them.
import { Permit, type Intent, type PermitGrant } from '../../src/core/evidence.ts';
import type { Log } from '../../src/core/log.ts';
import { Principal } from '../../src/core/principal.ts';
import { uuidv7 } from '../../src/core/uuid.ts';

export function principalOf(
  subject: string,
  expiresAt = Date.now() + 3_600_000,
  scopes: readonly string[] = [],
): Principal {
  return Principal.verified({
    issuer: 'https://issuer.example',
    subject,
    actor: 'agent',
    groups: [],
    scopes,
    claims: {},
    expiresAt,
  });
}

export interface PermittedOf {
  readonly principal?: Principal;
  readonly session?: string;
  readonly grant?: PermitGrant;
}

export function permitOf({ principal = principalOf('robot'), session = 'session-1', grant }: PermittedOf = {}): Permit {
  const id = uuidv7(Date.now());
  const invocation = { id, session, principal, tool: 'tool', arguments: {}, arrivedAt: Date.now() };
  const decision = { effect: 'allow', reason: 'rule_matched', rules: ['r'], policyVersion: 'v' } as const;
  return grant === undefined ? Permit.allowed(invocation, decision) : Permit.granted(invocation, decision, grant);
}

export async function permittedIntent(log: Log, of: PermittedOf = {}): Promise<Intent> {
  const permit = permitOf(of);
  const { id: invocation, session, principal, tool } = permit.invocation;
  const { issuer, subject, actor } = principal;
  const { effect, reason, rules } = permit.decision;
  return log.intent(
    permit,
    {
      type: 'intent',
      invocation,
      session,
      principal: { issuer, subject, actor },
      tool,
      policy: 'v',
      backend: 'shop',
      digest: invocation,
      decision: { effect, reason, rules },
    },
    {},
  );
}
