// Turns the text of a rule's `when` into a condition, and holds it against every tool the rule applies to. Pure.
import type { Report } from '../core/problem.ts';
import type { Tool } from '../core/tool.ts';
import { checkNames } from './condition-names.ts';
import { checkOnSamples } from './condition-samples.ts';
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
  }
  return condition;
}
