// An intent that is durable in a log, for tests of what comes after it.
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

export async function permittedIntent(
  log: Log,
  { principal = principalOf('robot'), session = 'session-1' } = {},
): Promise<Intent> {
  const id = uuidv7(Date.now());
  const invocation = { id, session, principal, tool: 'tool', arguments: {}, arrivedAt: Date.now() };
  const decision = { effect: 'allow', reason: 'rule_matched', rules: ['r'], policyVersion: 'v' } as const;
  const { issuer, subject, actor } = principal;
  return log.intent(
    Permit.allowed(invocation, decision),
    {
      type: 'intent',
      invocation: id,
      session,
      principal: { issuer, subject, actor },
      tool: 'tool',
      policy: 'v',
      backend: 'shop',
      digest: id,
      decision,
    },
    {},
  );
}
