// Turns a declared tool into what the broker calls: with its kind, its masks and its arguments' schema. Pure.
import type { CompiledTool, DeclaredTool } from '../../tools/tool-kind.ts';
import { BackendError } from '../core/errors.ts';
import type { DeclaredMask, MaskCompiler } from '../core/masking.ts';
import type { ProblemPlace, Report } from '../core/problem.ts';
import type { Tool } from '../core/tool.ts';
import type { Validate } from './argument-validator.ts';
import { type CompiledBackend, definitionHash } from './compile-backends.ts';
import { argumentMask, readMasks } from './compile-masks.ts';
import type { Declared } from './declared-files.ts';
import { type ToolDeclaration, toolSchema } from './file-schema.ts';
import { acceptsTokens, objectSchema, withoutTokens } from './input-schema.ts';
import { parseAnyway, splitKeys } from './own-keys.ts';
import { findReferences } from './references.ts';
import type { JsonSchema } from '../core/json.ts';

export interface CompiledDeclaration {
  readonly declared: DeclaredTool<unknown, unknown>;
  readonly tools: readonly Tool[];
  /** Its arguments are what was declared: conditions can be held against them. */
  readonly inputSound: boolean;
  readonly masks: readonly { readonly path: string; readonly place: ProblemPlace['path'] }[];
  readonly report: Report;
}

/** Returns undefined where nothing of it can be made. Problems are reported at the declaration. */
export function compileTool(
  written: Declared,
  backend: CompiledBackend | undefined,
  masks: MaskCompiler,
  validator: (schema: JsonSchema) => Validate,
): CompiledDeclaration | undefined {
  const report = written.file.report(written.path);
  for (const place of findReferences(written.raw)) {
    report.error(
      place,
      'references stand in backends only',
      'put what differs between deployments into the backend, or make it an input',
    );
  }
  const keys = splitKeys(written.raw, toolSchema, backend?.kind.tool, report);
  const common = parseAnyway(toolSchema, keys.common, report, insteadOfWrong).value;
  const ownMasks = readMasks(masks, written.raw['mask'], report);
  const maskArguments = argumentMask(masks, readMasks(masks, written.raw['maskArguments'], report, 'maskArguments'));
  if (common === undefined || backend === undefined) return undefined;
  const { readOnly, destructive, idempotent } = common;
  if (readOnly && destructive)
    report.error({ path: ['destructive'] }, 'a tool that is read-only destroys nothing', 'leave one of the two out');
  const declaration = parseAnyway(backend.kind.tool, keys.own, report, (path) => ({ path, value: undefined })).value;
  if (declaration === undefined || backend.options === undefined) return undefined;

  const input = objectSchema(common.input);
  const declared: DeclaredTool<unknown, unknown> = {
    name: written.name,
    backend: { name: backend.ref.name, options: backend.options },
    declaration,
    input: {
      properties: input['properties'] as Readonly<Record<string, JsonSchema>>,
      optional: Object.keys(common.input).filter((name) => common.input[name]?.optional === true),
    },
    annotations: { readOnly, destructive, idempotent },
    limits: { rows: common.limits.rows, bytes: common.limits.bytes, timeoutMs: common.limits.timeout },
  };
  const allMasks = [...backend.masks, ...ownMasks];
  return {
    declared,
    tools: backend.kind
      .compile(declared, report)
      .map((compiled) => assemble(compiled, common, written, backend, masks, allMasks, maskArguments, validator)),
    inputSound: toolSchema.shape.input.safeParse(keys.common['input']).success,
    masks: maskPlaces(written.raw['mask']),
    report,
  };
}

function assemble(
  compiled: CompiledTool,
  { title, description, input, readOnly, destructive, idempotent, limits }: ToolDeclaration,
  written: Declared,
  backend: CompiledBackend,
  masks: MaskCompiler,
  declaredMasks: readonly DeclaredMask<unknown>[],
  maskArguments: Tool['maskArguments'],
  validator: (schema: JsonSchema) => Validate,
): Tool {
  return Object.freeze<Tool>({
    name: compiled.name,
    title: title ?? compiled.title,
    description: description ?? compiled.description,
    backend: backend.ref,
    definitionHash: definitionHash(written.raw, backend.declared.raw),
    inputSchema: compiled.inputSchema,
    outputSchema: compiled.outputSchema && masks.schemaAfter(declaredMasks, compiled.outputSchema),
    annotations: { readOnly, destructive, idempotent },
    timeoutMs: limits.timeout,
    validate: validator(compiled.inputSchema),
    ...(acceptsTokens(input) ? { validateResolved: validator(objectSchema(withoutTokens(input))) } : {}),
    mask: masks.compile(declaredMasks),
    maskArguments,
    call: backend.sound ? (call) => compiled.call(call) : refuseCall,
  });
}

/** Stands in where the backend's references were unset when it was loaded, so that examples stand in its options. */
function refuseCall(): Promise<never> {
  return Promise.reject(new BackendError('backend_unavailable', 'the backend was loaded without its references'));
}

/** An argument that is declared wrongly is still an argument; any other wrong key is left out. */
function insteadOfWrong([key, name]: ProblemPlace['path']): { path: ProblemPlace['path']; value: unknown } {
  if (key === 'input' && name !== undefined) return { path: [key, name], value: { type: 'string' } };
  return { path: key === undefined ? [] : [key], value: undefined };
}

function maskPlaces(list: unknown): { path: string; place: ProblemPlace['path'] }[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const path = (item as { path?: unknown } | null)?.path;
    return typeof path === 'string' ? [{ path, place: ['mask', index, 'path'] }] : [];
  });
}
