// Walks a condition: are its names known, does each `args` path exist, does an optional one stand under has()? Pure.
import { didYouMean } from '../core/nearest.ts';
import { isJsonObject, type JsonSchema } from '../core/json.ts';
import { FIELDS, itemsOf, propertyOf, VARIABLES } from './cel-values.ts';
import { tokenArguments } from '../core/value-token.ts';
import { environment, type Expression } from './condition.ts';

/** Reports at a part of the expression. */
export type ReportPart = (part: bigint, message: string, hint?: string) => void;

/** Names of CEL types, as in `type(args.id) == int`. */
const TYPES = [
  'bool',
  'bytes',
  'double',
  'duration',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'timestamp',
  'type',
  'uint',
];

/** What an expression stands for: `args.items[0]` has the path `args.items[]` and the schema of an item. */
interface Value {
  readonly path: string;
  readonly schema: JsonSchema | undefined;
}

/** What is known where a part of the expression is evaluated. */
interface Scope {
  /** Variables of comprehensions. */
  readonly locals: ReadonlyMap<string, Value | undefined>;
  /** Paths that are there: something says has() before. */
  readonly present: ReadonlySet<string>;
}

const NOTHING: ReadonlySet<string> = new Set();

/** @param input the schema of the arguments of `tool` */
export function checkNames(expression: Expression, tool: string, input: JsonSchema, report: ReportPart): void {
  const walk = (part: Expression | undefined, scope: Scope): Value | undefined => {
    if (part === undefined) return undefined;
    const { exprKind } = part;
    switch (exprKind.case) {
      case 'identExpr':
        return name(part.id, exprKind.value.name, scope);
      case 'selectExpr': {
        const { operand, field, testOnly } = exprKind.value;
        return member(
          part.id,
          walk(operand, scope),
          field,
          testOnly ? new Set([...scope.present, '*']) : scope.present,
        );
      }
      case 'callExpr':
        return call(part, scope);
      case 'listExpr':
        for (const element of exprKind.value.elements) walk(element, scope);
        return undefined;
      case 'structExpr':
        for (const { value } of exprKind.value.entries) walk(value, scope);
        return undefined;
      case 'comprehensionExpr': {
        const { iterRange, iterVar, iterVar2, accuVar, accuInit, loopCondition, loopStep, result } = exprKind.value;
        const range = walk(iterRange, scope);
        walk(accuInit, scope);
        const item =
          range && isList(range.schema) ? { path: `${range.path}[]`, schema: itemsOf(range.schema) } : undefined;
        const inner = {
          ...scope,
          locals: new Map([...scope.locals, [accuVar, undefined], [iterVar, item], [iterVar2, undefined]]),
        };
        for (const step of [loopCondition, loopStep, result]) walk(step, inner);
        return undefined;
      }
      default:
        return undefined;
    }
  };

  const name = (id: bigint, named: string, scope: Scope): Value | undefined => {
    if (scope.locals.has(named)) return scope.locals.get(named);
    if (named === 'args') return { path: 'args', schema: input };
    if (named === 'tokens') return { path: 'tokens', schema: tokensSchema(input) };
    if (named in FIELDS) return { path: named, schema: undefined };
    const known = [...VARIABLES, ...TYPES];
    if (!known.includes(named))
      report(id, `unknown name "${named}"`, didYouMean(named, known) ?? `known: ${VARIABLES.join(', ')}`);
    return undefined;
  };

  const member = (
    id: bigint,
    of: Value | undefined,
    field: string,
    present: ReadonlySet<string>,
  ): Value | undefined => {
    if (of === undefined) return undefined;
    const path = `${of.path}.${field}`;
    const fields = FIELDS[of.path];
    if (fields !== undefined) {
      if (!fields.includes(field))
        report(id, `${of.path} has no "${field}"`, didYouMean(field, fields) ?? `it has ${fields.join(', ')}`);
      return undefined;
    }
    const schema = propertyOf(of.schema, field);
    if (schema === undefined) {
      if (!isClosed(of.schema)) return undefined;
      const known = Object.keys((of.schema?.['properties'] ?? {}) as object);
      const what =
        of.path === 'args'
          ? `${tool} has no argument "${field}"`
          : of.path === 'tokens'
            ? `${tool} has no argument "${field}" that accepts tokens`
            : `${of.path} of ${tool} has no "${field}"`;
      report(id, what, didYouMean(field, known) ?? (known.length > 0 ? `it has ${known.join(', ')}` : 'it has none'));
      return undefined;
    }
    const required = of.schema?.['required'];
    if (!(Array.isArray(required) && required.includes(field)) && !present.has(path) && !present.has('*')) {
      report(id, `${path} may be left out of a call of ${tool}`, `write has(${path}) && … before it`);
    }
    return { path, schema };
  };

  const call = (part: Expression, scope: Scope): Value | undefined => {
    if (part.exprKind.case !== 'callExpr') return undefined;
    const { function: called, target, args } = part.exprKind.value;
    const [first, second, third] = args;
    const knowing = (more: ReadonlySet<string>): Scope => ({ ...scope, present: scope.present.union(more) });
    switch (called) {
      // Either side decides alone where it can (CEL, "Logical Operators"): what one says also guards what stands before it.
      case '_&&_':
        walk(first, knowing(impliedBy(second, true, scope)));
        walk(second, knowing(impliedBy(first, true, scope)));
        return undefined;
      case '_||_':
        walk(first, knowing(impliedBy(second, false, scope)));
        walk(second, knowing(impliedBy(first, false, scope)));
        return undefined;
      case '_?_:_':
        walk(first, scope);
        walk(second, knowing(impliedBy(first, true, scope)));
        walk(third, knowing(impliedBy(first, false, scope)));
        return undefined;
      case '_[_]': {
        const of = walk(first, scope);
        walk(second, scope);
        const key = constantText(second);
        if (of === undefined) return undefined;
        if (key !== undefined) return member(part.id, of, key, scope.present);
        return isList(of.schema) ? { path: `${of.path}${place(second)}`, schema: itemsOf(of.schema) } : undefined;
      }
      default:
        if (/^[a-zA-Z]/.test(called) && environment.funcs.find(called) === undefined && !isNamespaced(target, called)) {
          const known = [...environment.funcs].map((one) => one.name).filter((one) => /^[a-zA-Z]/.test(one));
          report(part.id, `unknown function "${called}"`, didYouMean(called, known));
        }
        if (!isNamespaced(target, called)) walk(target, scope);
        for (const argument of args) walk(argument, scope);
        return undefined;
    }
  };

  walk(expression, { locals: new Map(), present: NOTHING });
}

/** `strings.quote(x)` parses as a method of a variable `strings`. */
export function isNamespaced(target: Expression | undefined, called: string): boolean {
  return (
    target?.exprKind.case === 'identExpr' &&
    environment.funcs.find(`${target.exprKind.value.name}.${called}`) !== undefined
  );
}

/** Paths that are there when the expression is `outcome`. */
function impliedBy(part: Expression | undefined, outcome: boolean, scope: Scope): ReadonlySet<string> {
  if (part?.exprKind.case === 'selectExpr') {
    const path = part.exprKind.value.testOnly ? pathOf(part, scope) : undefined;
    return outcome && path !== undefined ? new Set([path]) : NOTHING;
  }
  if (part?.exprKind.case !== 'callExpr') return NOTHING;
  const { function: called, args } = part.exprKind.value;
  const [first, second] = args;
  if (called === '!_') return impliedBy(first, !outcome, scope);
  if (called !== '_&&_' && called !== '_||_') return NOTHING;
  const [left, right] = [impliedBy(first, outcome, scope), impliedBy(second, outcome, scope)];
  return (called === '_&&_') === outcome ? left.union(right) : left.intersection(right);
}

function pathOf(part: Expression | undefined, scope: Scope): string | undefined {
  if (part?.exprKind.case === 'identExpr') {
    const { name } = part.exprKind.value;
    return scope.locals.get(name)?.path ?? name;
  }
  if (part?.exprKind.case === 'callExpr' && part.exprKind.value.function === '_[_]') {
    const [list, index] = part.exprKind.value.args;
    const of = pathOf(list, scope);
    return of === undefined ? undefined : `${of}${place(index)}`;
  }
  if (part?.exprKind.case !== 'selectExpr') return undefined;
  const of = pathOf(part.exprKind.value.operand, scope);
  return of === undefined ? undefined : `${of}.${part.exprKind.value.field}`;
}

/** An index as a path has it: what is known of one item says nothing of another. */
function place(index: Expression | undefined): string {
  if (index?.exprKind.case !== 'constExpr') return '[]';
  const { constantKind } = index.exprKind.value;
  return constantKind.case === 'int64Value' ? `[${String(constantKind.value)}]` : '[]';
}

export function constantText(part: Expression | undefined): string | undefined {
  if (part?.exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = part.exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : undefined;
}

/** `tokens`: the class of the token that an argument is, or "", for each argument that may be one. */
function tokensSchema(input: JsonSchema): JsonSchema {
  const names = [...tokenArguments(input).keys()];
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  return { type: 'object', properties, required: names, additionalProperties: false };
}

function isList(schema: JsonSchema | undefined): boolean {
  return [schema?.['type']].flat().includes('array');
}

/** Whether all there can be is declared. */
function isClosed(schema: JsonSchema | undefined): boolean {
  return isJsonObject(schema?.['properties']) && schema['additionalProperties'] === false;
}
