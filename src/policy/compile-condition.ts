// Turns the text of a rule's `when` into a condition, and holds it against every tool the rule applies to. Pure.
import type { Report } from '../core/problem.ts';
import type { Tool } from '../core/tool.ts';
import { checkNames } from './condition-names.ts';
import { checkOnSamples } from './condition-samples.ts';
import { findSilenceOnTokens } from './condition-tokens.ts';
import { type Condition, ConditionSyntaxError, parseCondition } from './condition.ts';

/** Returns undefined, with the problem reported at `['when']`, where the text is not CEL. */
export function compileCondition(text: string, tools: readonly Tool[], report: Report): Condition | undefined {
  const at = (offset: number, message: string, hint?: string): void => {
    report.error({ path: ['when'], offset }, message, hint);
  };
  let condition: Condition;
  try {
    condition = parseCondition(text);
  } catch (error) {
    if (!(error instanceof ConditionSyntaxError)) throw error;
    at(error.offset, `not a CEL expression: ${error.message}`, 'https://cel.dev describes the language');
    return undefined;
  }
  for (const tool of tools) {
    let named = true;
    const reportPart = (part: bigint, message: string, hint?: string): void => {
      named = false;
      at(condition.offset(part), message, hint);
    };
    checkNames(condition.expression, tool.name, tool.inputSchema, reportPart);
    // Unknown names always fail, too: once is enough.
    if (named) checkOnSamples(condition.expression, tool, reportPart);
    findSilenceOnTokens(condition.expression, tool.inputSchema, (part, argument) => {
      report.warning(
        { path: ['when'], offset: condition.offset(part) },
        `${argument} of ${tool.name} may be a token, whose value no rule sees: for one, this rule counts if it denies or asks, and does not if it allows`,
        `say what becomes of tokens: tokens.${argument} == "" && …, or tokens.${argument} != "" || …`,
      );
    });
  }
  return condition;
}
