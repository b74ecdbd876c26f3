// Warnings about rules and tools that are right one by one, and yet pointless together. Pure.
import type { CompiledRule } from './compile-rules.ts';
import { covers } from './principal-match.ts';
import type { Declared } from './declared-files.ts';

const STRENGTH = { deny: 2, require_approval: 1, allow: 0 } as const;

/** A rule that can never decide: its condition is never true, or stronger rules always decide before it. */
export function warnOfIdleRules(rules: readonly CompiledRule[]): void {
  for (const rule of rules) {
    if (rule.constant === false) {
      rule.report.warning({ path: ['when'] }, 'this rule can never decide: its condition is never true');
      continue;
    }
    const stronger = [...rule.tools].map((tool) => rules.find((other) => isAlwaysStronger(other, rule, tool)));
    const [first] = stronger;
    if (first === undefined || !stronger.every((other) => other !== undefined)) continue;
    rule.report.warning(
      { path: [], atKey: true },
      `this rule can never decide: "${first.rule.id}" always decides before it`,
      'deny beats require_approval beats allow; give the stronger rule a condition, or narrower principals',
    );
  }
}

function isAlwaysStronger(other: CompiledRule, rule: CompiledRule, tool: string): boolean {
  return (
    STRENGTH[other.rule.effect] > STRENGTH[rule.rule.effect] &&
    other.constant === true &&
    other.tools.has(tool) &&
    covers(other.declaration.principals, rule.declaration.principals)
  );
}

/** How many tools of one declaration are named; the rest is counted. */
const NAMED = 5;

/** Tools that nobody can call, of one declaration. */
export function warnOfIdleTools(
  { file, path }: Declared,
  names: readonly string[],
  rules: readonly CompiledRule[],
): void {
  const idle = names.filter((name) => !rules.some(({ rule, tools }) => tools.has(name) && rule.effect !== 'deny'));
  if (idle.length === 0) return;
  const mentioned = idle.some((name) => rules.some(({ tools }) => tools.has(name)));
  const more = idle.length > NAMED ? ` and ${String(idle.length - NAMED)} more` : '';
  const which = names.length === 1 ? 'this tool' : `${idle.slice(0, NAMED).join(', ')}${more}`;
  const message = `no rule ${mentioned ? 'allows' : 'mentions'} ${which}, so nobody can call ${idle.length === 1 ? 'it' : 'them'}`;
  file.report().warning({ path, atKey: true }, message);
}
