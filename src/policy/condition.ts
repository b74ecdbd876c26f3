// A rule's `when`: a CEL expression, parsed once, evaluated for each call it may concern.
import { celEnv, celMethod, CelScalar, isCelError, parse, plan } from '@bufbuild/cel';
import type { CelEnv, CelInput, CelResult } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';

const { STRING, INT } = CelScalar;

/** The library's own copies the whole text for each place: an argument of a megabyte would hold the broker for minutes. */
function replace(this: string, found: string, by: string, most?: bigint): string {
  let left = most === undefined || most < 0n ? Infinity : Number(most);
  return this.replaceAll(found, () => (left-- > 0 ? by : found));
}

/** CEL's standard functions, and those on strings. */
export const environment: CelEnv = celEnv({
  funcs: [
    ...strings.filter(({ name }) => name !== 'replace'),
    celMethod('replace', STRING, [STRING, STRING], STRING, replace),
    celMethod('replace', STRING, [STRING, STRING, INT], STRING, replace),
  ],
});

export type Expression = ReturnType<typeof parse>['expr'];
type Evaluate = (variables: Readonly<Record<string, CelInput>>) => CelResult;

export interface Condition {
  readonly expression: Expression;
  /** Zero-based offset into the text of each part, by its id. */
  offset(id: bigint): number;
  /** Throws where it cannot be evaluated, and where it is not true or false. */
  holds(variables: Readonly<Record<string, CelInput>>): boolean;
}

/** Thrown for text that is not CEL. `offset` is zero-based, in UTF-16 units. */
export class ConditionSyntaxError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ConditionSyntaxError';
    this.offset = offset;
  }
}

export function parseCondition(text: string): Condition {
  const { expr, sourceInfo } = parseCel(text);
  const evaluate = planned(expr);
  return {
    expression: expr,
    offset: (id) => sourceInfo?.positions[id.toString()] ?? 0,
    holds: (variables) => {
      const result = evaluate(variables);
      if (isCelError(result)) throw result;
      if (typeof result !== 'boolean') throw new TypeError('the condition is neither true nor false');
      return result;
    },
  };
}

/** Prepares an expression, or a part of one. The result never throws: an error is a value. */
export function planned(expression: Expression): Evaluate {
  const whole = plan(environment, expression);
  const { exprKind } = expression;
  if (exprKind.case !== 'callExpr') return whole;
  const { function: called, args } = exprKind.value;
  const [left, right] = args;
  if ((called !== '_&&_' && called !== '_||_') || left === undefined || right === undefined) return whole;
  return eitherSide(called === '_||_', planned(left), planned(right), whole);
}

/** Either side decides alone where it can (CEL, "Logical Operators"); the library gives up at an error of the first. */
function eitherSide(decisive: boolean, left: Evaluate, right: Evaluate, whole: Evaluate): Evaluate {
  return (variables) => {
    const one = left(variables);
    if (one === decisive) return decisive;
    const other = right(variables);
    if (other === decisive) return decisive;
    return one === !decisive && other === !decisive ? !decisive : whole(variables);
  };
}

function parseCel(text: string): ReturnType<typeof parse> {
  try {
    return parse(text);
  } catch (error) {
    // The shape of the parser's own error, which the library does not export.
    const { rawMessage, location } = error as { rawMessage?: string; location?: { start: { offset: number } } };
    throw new ConditionSyntaxError(rawMessage ?? (error as Error).message, location?.start.offset ?? 0);
  }
}
