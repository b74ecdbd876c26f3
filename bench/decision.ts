// Deciding one call under a hundred rules: five that name the tool and twenty tools like it, and all hundred for the one tool.
// Run: node bench/decision.ts
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { implementations } from '../src/cli/implementations.ts';
import { throwawayKeys } from '../src/cli/policy-place.ts';
import type { PolicySet } from '../src/core/policy.ts';
import { decide } from '../src/policy/decide.ts';
import { loadPolicies } from '../src/policy/load-policies.ts';
import { quantile } from './load.ts';

const RULES = 100;
const CALLS = 50_000;

async function policies(tools: number): Promise<PolicySet> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const names = Array.from({ length: tools }, (_, index) => `refund_${String(index)}`);
  const tool = {
    backend: 'shop',
    sql: 'update orders set refunded = true where id = :order_id and total > :amount',
    input: { order_id: { type: 'integer' }, amount: { type: 'number' } },
  };
  const credential = {
    kind: 'postgres-role',
    admin: 'postgres://admin:secret@127.0.0.1/shop',
    memberOf: ['shop_support'],
  };
  const rules = Array.from({ length: RULES }, (_, index) => ({
    id: `rule-${String(index)}`,
    // The last one allows; every denial before it is weighed, and does not match.
    effect: index < RULES - tools ? 'deny' : 'allow',
    principals: { groups: ['support', `group-${String(index)}`] },
    tools: [names[index % tools]],
    when: `args.amount ${index < RULES - tools ? '>' : '<='} ${String(1_000 + index)}.0`,
  }));
  const file = {
    version: 1,
    backends: { shop: { kind: 'postgres', url: 'postgres://127.0.0.1/shop', credential } },
    tools: Object.fromEntries(names.map((name) => [name, tool])),
    rules,
  };
  try {
    // JSON is YAML.
    writeFileSync(join(directory, 'bench.yaml'), JSON.stringify(file));
    await using parts = implementations(throwawayKeys());
    const loaded = await loadPolicies(directory, { ...parts, env: {} });
    if (loaded.policies === undefined) throw new Error(JSON.stringify(loaded.problems));
    return loaded.policies;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const principal = {
  issuer: 'https://issuer.example',
  subject: 'ada',
  actor: 'agent',
  groups: ['staff', 'support'],
  scopes: ['tools'],
  claims: { email: 'ada@example.com', department: 'help' },
  expiresAt: Date.now() + 3_600_000,
};

for (const tools of [20, 1]) {
  const set = await policies(tools);
  const tool = set.tools.get('refund_0');
  if (tool === undefined) throw new Error('the tool is not there');
  const request = { principal, tool, session: 'one', now: Date.now() };
  const times: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const startedAt = performance.now();
    const { effect } = decide(set, { ...request, arguments: { order_id: call, amount: call % 100 } });
    times.push((performance.now() - startedAt) * 1_000);
    if (effect !== 'allow') throw new Error(`decided to ${effect}`);
  }
  const sorted = times.slice(CALLS / 5).sort((a, b) => a - b);
  const [p50, p99] = [0.5, 0.99].map((q) => quantile(sorted, q).toFixed(1));
  console.log(`${RULES} rules, ${RULES / tools} for the tool: p50 ${p50} µs   p99 ${p99} µs`);
}
