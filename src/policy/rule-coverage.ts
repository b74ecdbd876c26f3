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

/** A tool that nobody can call. */
export function warnOfIdleTools(tools: readonly Declared[], rules: readonly CompiledRule[]): void {
  for (const { name, file, path } of tools) {
    const concerned = rules.filter((rule) => rule.tools.has(name));
    if (concerned.some(({ rule }) => rule.effect !== 'deny')) continue;
    const message = concerned.length === 0 ? 'no rule mentions this tool' : 'no rule allows this tool';
    file.report().warning({ path, atKey: true }, `${message}, so nobody can call it`);
  }
}
