// Evaluates a condition, and every part of it, on samples made from the schema: what always fails there is a mistake. Pure.
import { celType, isCelError, type CelValue } from '@bufbuild/cel';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../core/json.ts';
import type { DecisionRequest } from '../core/policy.ts';
import type { Tool } from '../core/tool.ts';
import { bindings, type Bindings } from './cel-values.ts';
import { constantText, isNamespaced, type ReportPart } from './condition-names.ts';
import { planned, type Expression } from './condition.ts';

/** Enough for each kind of value to meet each other one. */
const SAMPLES = 24;
/** Texts that the conversions of CEL can read: int(), timestamp(), duration(), bool(), and splits of addresses. */
const TEXTS = ['a', '1', 'a@b.example', '2026-01-01T00:00:00Z', '60s', 'true', ''];
const TIME = Date.UTC(2026, 0, 1);

type SampledTool = Pick<Tool, 'name' | 'backend' | 'annotations' | 'inputSchema'>;

/** Reports the innermost part that fails for every sample, and a condition that is never true or false. */
export function checkOnSamples(expression: Expression, tool: SampledTool, report: ReportPart): void {
  const samples = sampleBindings(expression, tool);
  if (alwaysFails(expression, samples, report)) return;
  const results = samples.map(planned(expression)).filter((result) => !isCelError(result));
  const wrong = results.find((result) => typeof result !== 'boolean');
  if (wrong !== undefined && results.every((result) => typeof result !== 'boolean')) {
    report(expression.id, `expected a condition that is true or false, this one gives ${typeName(wrong as CelValue)}`);
  }
}

/** The value of an expression that looks at nothing; undefined where it looks at something. */
export function constantValue(expression: Expression): unknown {
  if ([...parts(expression)].some(({ exprKind }) => exprKind.case === 'identExpr')) return undefined;
  return planned(expression)({});
}

function alwaysFails(part: Expression, samples: readonly Bindings[], report: ReportPart): boolean {
  // Variables of a comprehension have no value outside it, so it is sampled as a whole.
  const inner = part.exprKind.case === 'comprehensionExpr' ? [part.exprKind.value.iterRange] : children(part);
  let failed = false;
  for (const child of inner) if (child !== undefined && alwaysFails(child, samples, report)) failed = true;
  if (failed) return true;
  const results = samples.map(planned(part));
  const first = results[0];
  if (!isCelError(first) || !results.every(isCelError)) return false;
  if (!isTypeError(first.message) && dependsOnCall(part)) return false;
  report(part.id, `this always fails: ${first.message}`, typeHint(first.message));
  return true;
}

/** Other errors (an index, a conversion) may be the fault of the samples. */
function isTypeError(message: string): boolean {
  return /no matching overload|type mismatch|unbound function|unresolved/.test(message);
}

function typeHint(message: string): string | undefined {
  if (/\((?:double, int|int, double)\)/.test(message))
    return 'an input declared `number` is a double: write 1.0, not 1; one declared `integer` is an int';
  return undefined;
}

/** Whether it looks at what only a call can tell. */
function dependsOnCall(part: Expression): boolean {
  return [...parts(part)].some(
    ({ exprKind }) => exprKind.case === 'identExpr' && ['args', 'tokens', 'principal'].includes(exprKind.value.name),
  );
}

/** The expression, and everything in it. */
export function* parts(part: Expression): Generator<Expression> {
  yield part;
  for (const child of children(part)) if (child !== undefined) yield* parts(child);
}

function children({ exprKind }: Expression): (Expression | undefined)[] {
  switch (exprKind.case) {
    case 'selectExpr':
      // has(a.b) looks at a, and not at a.b.
      return [exprKind.value.operand];
    case 'callExpr':
      return isNamespaced(exprKind.value.target, exprKind.value.function)
        ? exprKind.value.args
        : [exprKind.value.target, ...exprKind.value.args];
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return exprKind.value.entries.map(({ value }) => value);
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result];
    }
    default:
      return [];
  }
}

function sampleBindings(expression: Expression, tool: SampledTool): Bindings[] {
  const constants = [...parts(expression)].map(constantText).filter((text) => text !== undefined);
  const texts = [...TEXTS, ...constants];
  const asked = [...parts(expression)].flatMap(({ exprKind }) =>
    exprKind.case === 'selectExpr' ? [exprKind.value.field] : [],
  );
  return Array.from({ length: SAMPLES }, (_, index) => {
    const request = {
      arguments: sampleOf(tool.inputSchema, index, { texts, asked }) as JsonObject,
      principal: {
        issuer: 'https://issuer.example',
        subject: 'someone',
        actor: 'agent',
        groups: constants.length > 0 ? constants : ['group'],
        scopes: constants.length > 0 ? constants : ['scope'],
        claims: sampleMembers(index, { texts, asked }),
        expiresAt: TIME,
      },
      tool: tool as Tool,
      session: '0190a000-0000-7000-8000-000000000000',
      now: TIME,
    } satisfies DecisionRequest;
    return bindings(request);
  });
}

interface SampleWords {
  readonly texts: readonly string[];
  /** The fields that the expression selects somewhere. */
  readonly asked: readonly string[];
}

/** Claims are whatever the issuer puts into tokens: those that are asked for are there, as values of every kind in turn. */
function sampleMembers(index: number, { texts, asked }: SampleWords): JsonObject {
  const text = texts[index % texts.length] ?? '';
  const kinds: Json[] = [text, [text], index, true];
  const value = kinds[Math.floor(index / 2) % kinds.length] ?? null;
  const flat = Object.fromEntries(asked.map((field) => [field, value]));
  return {
    ...flat,
    ...(index % 3 === 0
      ? {}
      : Object.fromEntries(asked.map((field) => [field, index % 2 === 0 ? { ...flat } : value]))),
  };
}

/** The `index`-th value that fits a schema, more or less: what matters is its type. */
function sampleOf(schema: JsonSchema | undefined, index: number, words: SampleWords): Json {
  const { texts } = words;
  const listed = schema?.['enum'];
  if (Array.isArray(listed) && listed.length > 0) return (listed as Json[])[index % listed.length] ?? null;
  const alternatives = schema?.['oneOf'] ?? schema?.['anyOf'];
  if (schema?.['type'] === undefined && Array.isArray(alternatives) && alternatives.length > 0) {
    const chosen = (alternatives as JsonSchema[])[index % alternatives.length];
    return sampleOf(chosen, Math.floor(index / alternatives.length), words);
  }
  const type = Array.isArray(schema?.['type'])
    ? (schema['type'] as Json[])[index % schema['type'].length]
    : schema?.['type'];
  switch (type) {
    case 'integer':
      return Math.ceil(Number(schema?.['minimum'] ?? 0)) + index;
    case 'number':
      return Number(schema?.['minimum'] ?? 0) + index + 0.5;
    case 'boolean':
      return index % 2 === 0;
    case 'array':
      return Array.from({ length: 1 + (index % 9) }, (_, item) =>
        sampleOf(schema?.['items'] as JsonSchema, index + item, words),
      );
    case 'object': {
      const properties = isJsonObject(schema?.['properties']) ? schema['properties'] : {};
      const declared = Object.entries(properties).map(
        ([name, part], place) => [name, sampleOf(part as JsonSchema, index + place, words)] as const,
      );
      const others = schema?.['additionalProperties'] === false ? {} : sampleMembers(index, words);
      return { ...others, ...Object.fromEntries(declared) };
    }
    case 'null':
      return null;
    case 'string':
      return texts[index % texts.length] ?? '';
    default:
      // Anything at all may stand there.
      return index % 2 === 0 ? sampleMembers(Math.floor(index / 2), words) : (texts[index % texts.length] ?? '');
  }
}

function typeName(value: CelValue): string {
  return celType(value).toString();
}
