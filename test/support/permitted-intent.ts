// A permitted invocation, and its durable intent, for tests of what comes after them.
import { Permit, type Intent } from '../../src/core/evidence.ts';
import type { Log } from '../../src/core/log.ts';
import { Principal } from '../../src/core/principal.ts';
import { uuidv7 } from '../../src/core/uuid.ts';

export function principalOf(subject: string, expiresAt = Date.now() + 3_600_000): Principal {
  return Principal.verified({
    issuer: 'https://issuer.example',
    subject,
    actor: 'agent',
    groups: [],
    scopes: [],
    claims: {},
    expiresAt,
  });
}

export function permitOf({ principal = principalOf('robot'), session = 'session-1' } = {}): Permit {
  const id = uuidv7(Date.now());
  return Permit.allowed(
    { id, session, principal, tool: 'tool', arguments: {}, arrivedAt: Date.now() },
    { effect: 'allow', reason: 'rule_matched', rules: ['r'], policyVersion: 'v' },
  );
}

export async function permittedIntent(log: Log, of: { principal?: Principal; session?: string } = {}): Promise<Intent> {
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
