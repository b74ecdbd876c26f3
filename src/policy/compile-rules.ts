// Turns a declared rule into what `decide` asks. Pure.
import { didYouMean } from '../core/nearest.ts';
import type { JsonObject } from '../core/json.ts';
import type { ApprovalRequirement, Channel } from '../core/approval.ts';
import type { Rule } from '../core/policy.ts';
import type { Report } from '../core/problem.ts';
import type { Tool } from '../core/tool.ts';
import { bindings, type Bindings } from './cel-values.ts';
import { compileCondition } from './compile-condition.ts';
import { constantValue } from './condition-samples.ts';
import type { DecisionRequest } from '../core/policy.ts';
import { definitionHash } from './compile-backends.ts';
import type { Declared } from './declared-files.ts';
import { EVERY_TOOL, type RuleDeclaration, ruleSchema } from './file-schema.ts';
import { type NamedIssuer, principalMatcher } from './principal-match.ts';
import { hasOwnJustification } from './justification.ts';
import { findReferences } from './references.ts';
import { parseReporting } from './schema-problems.ts';

/** What a rule may speak of. */
export interface Surroundings {
  /** What a rule may name, with the tools that it means: each tool, also those with problems, and each declaration of several. */
  readonly named: ReadonlyMap<string, readonly string[]>;
  /** The tools whose arguments conditions can be held against. */
  readonly tools: ReadonlyMap<string, Tool>;
  /** Undefined where the configuration is not at hand. */
  readonly issuers: readonly NamedIssuer[] | undefined;
  /** A file could not be read: an unknown name may stand there. */
  readonly incomplete: boolean;
  /** Those that are set up; undefined where the configuration is not at hand. */
  readonly channels: readonly Channel[] | undefined;
  /** Whether people can sign in; undefined where the configuration is not at hand. */
  readonly people: boolean | undefined;
}

export interface CompiledRule {
  readonly rule: Rule;
  readonly declaration: RuleDeclaration;
  /** Names of the tools it concerns. */
  readonly tools: ReadonlySet<string>;
  /** Its condition holds for no call, or for every one; undefined where that depends on the call. */
  readonly constant: boolean | undefined;
  readonly report: Report;
}

export function compileRule(declared: Declared, surroundings: Surroundings): CompiledRule | undefined {
  const report = declared.file.report(declared.path);
  for (const place of findReferences(declared.raw)) report.error(place, 'references stand in backends only');
  const declaration = parseReporting(ruleSchema, declared.raw, report).value;
  const tools = toolsOf(declared.raw['tools'], surroundings, report);
  const { when } = declared.raw;
  const spokenOf = [...tools].flatMap((name) => surroundings.tools.get(name) ?? []);
  const condition = typeof when === 'string' ? compileCondition(when, spokenOf, report) : undefined;
  if (declaration === undefined) return undefined;
  checkIssuers(declaration, surroundings.issuers, report);
  checkApproval(declaration, report);
  checkNotify(declaration, surroundings.channels, report);
  if (declaration.approval !== undefined && surroundings.people === false) {
    report.warning(
      { path: ['approval'], atKey: true },
      'nobody can sign in to approve this: such calls wait until they expire',
      'say how people sign in under `people` in sallyport.yaml',
    );
  }
  checkGrant(declaration, spokenOf, report);
  if (declaration.approval?.justification !== undefined) checkJustification(spokenOf, report);
  if (declaration.effect === 'allow' && declaration.message !== undefined) {
    report.warning(
      { path: ['message'], atKey: true },
      'a rule that allows stops no call, so nobody is told this message',
    );
  }
  const matches = principalMatcher(declaration.principals, surroundings.issuers ?? []);
  const rule: Rule = Object.freeze<Rule>({
    id: declaration.id,
    effect: declaration.effect,
    message: declaration.message,
    approval: requirementOf(declaration),
    definitionHash: definitionHash(declared.raw),
    concerns: (principal, tool) => tools.has(tool) && matches(principal),
    when: (request) => condition?.holds(bindingsOf(request)) ?? true,
  });
  const constant = condition === undefined ? true : constantValue(condition.expression);
  return { rule, declaration, tools, constant: typeof constant === 'boolean' ? constant : undefined, report };
}

function checkApproval({ effect, approval }: RuleDeclaration, report: Report): void {
  if (effect === 'require_approval' && approval === undefined) {
    report.error(
      { path: ['effect'] },
      'missing: `approval`',
      'say who may approve: approval: { approvers: { groups: [finance] } }',
    );
  }
  if (effect !== 'require_approval' && approval !== undefined) {
    report.error(
      { path: ['approval'], atKey: true },
      `a rule with effect ${effect} asks nobody`,
      'remove `approval`, or make the effect require_approval',
    );
  }
  for (const group of Object.keys(approval?.perGroup ?? {})) {
    if (approval?.approvers.groups?.includes(group) === true) continue;
    report.error(
      { path: ['approval', 'perGroup', group], atKey: true },
      `nobody of "${group}" may approve`,
      'list the group under approvers.groups',
    );
  }
}

function checkNotify({ approval }: RuleDeclaration, channels: readonly Channel[] | undefined, report: Report): void {
  for (const [index, channel] of (approval?.notify ?? []).entries()) {
    if (channels === undefined || channels.includes(channel)) continue;
    const hint = `set it up under approvals.${channel} in sallyport.yaml, or leave it out`;
    report.error({ path: ['approval', 'notify', index] }, `nobody can be told by ${channel}`, hint);
  }
}

function checkGrant({ effect, grant }: RuleDeclaration, tools: readonly Tool[], report: Report): void {
  if (grant === undefined) return;
  if (effect !== 'require_approval') {
    const hint = 'remove `grant`, or make the effect require_approval';
    report.error({ path: ['grant'], atKey: true }, `a rule with effect ${effect} asks nobody`, hint);
  }
  for (const [index, name] of grant.same.entries()) {
    for (const tool of tools) {
      const names = Object.keys((tool.inputSchema['properties'] ?? {}) as JsonObject);
      if (names.includes(name)) continue;
      const hint = didYouMean(name, names) ?? 'leave it out, or leave the tool to another rule';
      report.error({ path: ['grant', 'same', index] }, `${tool.name} has no argument "${name}"`, hint);
    }
  }
}

function checkJustification(tools: readonly Tool[], report: Report): void {
  for (const { name } of tools.filter(hasOwnJustification)) {
    report.error(
      { path: ['approval', 'justification'], atKey: true },
      `${name} has an argument "justification" of its own`,
      'rename that one, or leave the tool to another rule',
    );
  }
}

function requirementOf({ id, approval, grant }: RuleDeclaration): ApprovalRequirement | undefined {
  if (approval === undefined) return undefined;
  const { approvers, quorum, perGroup, expires, reason, justification, notify } = approval;
  return {
    rule: id,
    approvers: { groups: approvers.groups ?? [], people: approvers.people ?? [] },
    quorum,
    perGroup,
    expiresAfterMs: expires,
    reasonRequired: reason === 'required',
    justificationRequired: justification === 'required',
    notify,
    grant: grant && { atMostMs: grant.atMost, uses: grant.uses, same: grant.same },
  };
}

/** The rules of one decision share what they look at. */
const known = new WeakMap<DecisionRequest, Bindings>();

function bindingsOf(request: DecisionRequest): Bindings {
  const found = known.get(request) ?? bindings(request);
  known.set(request, found);
  return found;
}

function toolsOf(written: unknown, { named, incomplete }: Surroundings, report: Report): Set<string> {
  const tools = new Set<string>();
  for (const [index, name] of (Array.isArray(written) ? (written as unknown[]) : []).entries()) {
    const meant = name === EVERY_TOOL ? [...named.values()].flat() : named.get(String(name));
    if (meant !== undefined) for (const one of meant) tools.add(one);
    else if (typeof name === 'string' && !incomplete) {
      report.error(
        { path: ['tools', index] },
        `unknown tool "${name}"`,
        didYouMean(name, named.keys()) ?? 'declare it under `tools`',
      );
    }
  }
  return tools;
}

function checkIssuers(
  { effect, principals, approval }: RuleDeclaration,
  issuers: readonly NamedIssuer[] | undefined,
  report: Report,
): void {
  if (issuers === undefined) return;
  const names = issuers.flatMap(({ name }) => name ?? []);
  for (const [index, given] of (principals?.issuers ?? []).entries()) {
    const addresses = issuers.map(({ issuer }) => issuer);
    if (names.includes(given) || addresses.includes(given)) continue;
    const hint = didYouMean(given, [...names, ...addresses]) ?? 'issuers stand in sallyport.yaml';
    report.error({ path: ['principals', 'issuers', index] }, `unknown issuer "${given}"`, hint);
  }
  if (issuers.length < 2) return;
  // A deny that means anybody of that name is the careful one; anything else would let one issuer speak for another.
  if (effect !== 'deny' && principals?.issuers === undefined) {
    for (const key of ['subjects', 'agents', 'claims'] as const) {
      if (principals?.[key] === undefined) continue;
      report.error(
        { path: ['principals', key], atKey: true },
        `with more than one issuer, ${key} must say whose they are: each issuer names its own`,
        `add issuers: [${names.join(', ')}], or those of them that you mean`,
      );
    }
  }
  const groups = [
    ...(principals?.groups ?? []).map((group, index) => ({ group, path: ['principals', 'groups', index] })),
    ...(approval?.approvers.groups ?? []).map((group, index) => ({
      group,
      path: ['approval', 'approvers', 'groups', index],
    })),
  ];
  for (const { group, path } of groups) {
    const [issuer = '', bare] = group.split(/:(.*)/s);
    if (bare !== undefined && names.includes(issuer)) continue;
    const hint = `write ${names.map((name) => `${name}:${bare ?? group}`).join(' or ')}`;
    report.error({ path }, 'with more than one issuer, a group must say whose it is', hint);
  }
}
