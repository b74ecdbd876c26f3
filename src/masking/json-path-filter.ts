// Filter selectors of RFC 9535, evaluated by json-p3 with two changes: regular expressions run on RE2, in linear time
// whatever the data says, and a query from `$` is answered once for each root, not once for each candidate. Pure.
import { RE2JS } from '@bufbuild/re2';
import { FunctionExpressionType, jsonpath, type FilterFunction, type JSONValue } from 'json-p3';
import type { Json } from '../core/json.ts';
import { MAX_JSON_DEPTH } from '../core/limits.ts';

/** Whether a candidate child is selected. Throws where a filter cannot be evaluated. */
export type FilterTest = (candidate: Json, root: Json) => boolean;

const { expressions, selectors } = jsonpath;

const iRegexp = new jsonpath.functions.Match({ throwErrors: true, cacheSize: 0 });

/** RFC 9485. Throws, naming what is wrong, where the pattern is not an I-Regexp, or is one that RE2 cannot run. */
function compilePattern(pattern: string): RE2JS {
  iRegexp.call('', pattern);
  return RE2JS.compile(dotsWithoutLineEnds(pattern));
}

/** An I-Regexp's dot is `[^\n\r]` (RFC 9485, section 5); RE2's takes a carriage return. */
function dotsWithoutLineEnds(pattern: string): string {
  return pattern.replace(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|\./g, (part) => (part === '.' ? '[^\\n\\r]' : part));
}

class LinearTimeMatch implements FilterFunction {
  readonly argTypes = [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType];
  readonly returnType = FunctionExpressionType.LogicalType;
  readonly #whole: boolean;
  /** Patterns may come from the data, so only the last one is kept. */
  #pattern = '';
  #compiled: RE2JS | undefined;

  constructor(whole: boolean) {
    this.#whole = whole;
  }

  call(text: unknown, pattern: unknown): boolean {
    if (typeof text !== 'string' || typeof pattern !== 'string') return false;
    if (this.#compiled === undefined || this.#pattern !== pattern) {
      this.#compiled = compilePattern(pattern);
      this.#pattern = pattern;
    }
    return this.#whole ? this.#compiled.testExact(text) : this.#compiled.test(text);
  }
}

/** json-p3's environment, strict, deep enough for every value the broker lets in. */
export function jsonPathEnvironment(): jsonpath.JSONPathEnvironment {
  const environment = new jsonpath.JSONPathEnvironment({ maxRecursionDepth: 2 * MAX_JSON_DEPTH });
  environment.functionRegister.set('match', new LinearTimeMatch(true));
  environment.functionRegister.set('search', new LinearTimeMatch(false));
  return environment;
}

/** Compiles one filter selector. Throws JSONPathError for a literal pattern that is not an I-Regexp. */
export function filterTest(filter: jsonpath.selectors.FilterSelector): FilterTest {
  prepare(filter.expression);
  return (candidate, root) =>
    filter.expression.evaluate({
      environment: filter.environment,
      currentValue: candidate as JSONValue,
      rootValue: root as JSONValue,
    });
}

/** Checks literal patterns and makes queries from the root remember their answer, through the whole expression. */
function prepare(expression: jsonpath.expressions.FilterExpression): void {
  if (expression instanceof expressions.LogicalExpression) prepare(expression.expression);
  else if (expression instanceof expressions.PrefixExpression) prepare(expression.right);
  else if (expression instanceof expressions.InfixExpression) {
    prepare(expression.left);
    prepare(expression.right);
  } else if (expression instanceof expressions.FunctionExtension) {
    checkPattern(expression);
    expression.args.forEach(prepare);
  } else if (expression instanceof expressions.FilterQuery) {
    for (const segment of expression.path.segments) {
      for (const selector of segment.selectors) {
        if (selector instanceof selectors.FilterSelector) prepare(selector.expression);
      }
    }
    if (expression instanceof expressions.RootQuery) rememberAnswer(expression);
  }
}

function checkPattern(call: jsonpath.expressions.FunctionExtension): void {
  const pattern = call.args[1];
  if (call.name !== 'match' && call.name !== 'search') return;
  if (!(pattern instanceof expressions.StringLiteral)) return;
  try {
    compilePattern(pattern.value);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'not an I-Regexp (RFC 9485)';
    throw new jsonpath.JSONPathSyntaxError(reason, pattern.token);
  }
}

function rememberAnswer(query: jsonpath.expressions.RootQuery): void {
  // Weak, so that a raw result does not outlive its call.
  const answers = new WeakMap<object, jsonpath.JSONPathNodeList>();
  const evaluate = query.evaluate.bind(query);
  query.evaluate = (context) => {
    const root = context.rootValue as object;
    const known = answers.get(root);
    if (known !== undefined) return known;
    const answer = evaluate(context);
    answers.set(root, answer);
    return answer;
  };
}
