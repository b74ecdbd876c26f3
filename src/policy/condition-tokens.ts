// Finds conditions that look at an argument which may be a token, and do not say what is to become of tokens. Pure.
import type { JsonSchema } from '../core/json.ts';
import { tokenArguments } from '../core/value-token.ts';
import { constantText } from './condition-names.ts';
import { parts } from './condition-samples.ts';
import type { Expression } from './condition.ts';

/** Calls `found` for the first part that looks at each such argument. @param input the schema of the tool's arguments */
export function findSilenceOnTokens(
  expression: Expression,
  input: JsonSchema,
  found: (part: bigint, argument: string) => void,
): void {
  const accepting = tokenArguments(input);
  if (accepting.size === 0) return;
  const members = [...parts(expression)].flatMap((part) => memberOf(part) ?? []);
  const spokenOf = new Set(members.filter(({ of }) => of === 'tokens').map(({ name }) => name));
  for (const { id, of, name } of members) {
    if (of !== 'args' || !accepting.has(name) || spokenOf.has(name)) continue;
    spokenOf.add(name);
    found(id, name);
  }
}

/** `args.to` and `args["to"]`. */
function memberOf({ id, exprKind }: Expression): { id: bigint; of: string; name: string } | undefined {
  if (exprKind.case === 'selectExpr') {
    const of = nameOf(exprKind.value.operand);
    return of === undefined ? undefined : { id, of, name: exprKind.value.field };
  }
  if (exprKind.case !== 'callExpr' || exprKind.value.function !== '_[_]') return undefined;
  const [operand, index] = exprKind.value.args;
  const of = nameOf(operand);
  const name = constantText(index);
  return of === undefined || name === undefined ? undefined : { id, of, name };
}

function nameOf(part: Expression | undefined): string | undefined {
  return part?.exprKind.case === 'identExpr' ? part.exprKind.value.name : undefined;
}
