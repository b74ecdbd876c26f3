// Turns a declared tool into what the broker calls: with its kind, its masks and its arguments' schema. Pure.
import type { CompiledTool, DeclaredTool } from '../../tools/tool-kind.ts';
import { BackendError } from '../core/errors.ts';
import { PREVIEW_MS } from '../core/limits.ts';
import type { MaskCompiler } from '../core/masking.ts';
import type { ProblemPlace, Report } from '../core/problem.ts';
import type { Tool } from '../core/tool.ts';
import type { Validate } from './argument-validator.ts';
import { type CompiledBackend, definitionHash } from './compile-backends.ts';
import { argumentMask, readMasks } from './compile-masks.ts';
import type { Declared } from './declared-files.ts';
import { type ToolDeclaration, toolSchema } from './file-schema.ts';
import { objectSchema, withoutTokens } from './input-schema.ts';
import { warnOfIdleMasks } from './mask-coverage.ts';
import { parseAnyway, splitKeys } from './own-keys.ts';
import { findReferences } from './references.ts';
import { saidSafely } from './said-words.ts';
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
  if (declaration === undefined || backend.known === undefined) return undefined;

  const input = objectSchema(common.input);
  const declared: DeclaredTool<unknown, unknown> = {
    name: written.name,
    backend: backend.known,
    declaration,
    input: {
      properties: input['properties'] as Readonly<Record<string, JsonSchema>>,
      optional: Object.keys(common.input).filter((name) => common.input[name]?.optional === true),
    },
    annotations: { readOnly, destructive, idempotent },
    limits: { rows: common.limits.rows, bytes: common.limits.bytes, timeoutMs: common.limits.timeout },
  };
  const allMasks = [...backend.masks, ...ownMasks];
  const masking = {
    mask: masks.compile(allMasks),
    maskArguments,
    schemaAfter: (before: JsonSchema) => masks.schemaAfter(allMasks, before),
  };
  const compiled = backend.kind.compile(declared, report);
  if (compiled.length > 1) {
    for (const key of ['title', 'description'] as const) {
      if (common[key] === undefined) continue;
      const message = `this makes ${String(compiled.length)} tools, and a ${key} is about one`;
      report.error({ path: [key], atKey: true }, message, 'leave it out');
    }
  }
  const ownPaths = maskPlaces(written.raw['mask']);
  if (ownPaths.length > 0)
    warnOfIdleMasks(
      ownPaths,
      compiled.map((one) => one.describedAnswer?.()),
      report,
    );
  return {
    declared,
    tools: compiled.map((one) => assemble(one, common, written, backend, masking, validator, report)),
    inputSound: toolSchema.shape.input.safeParse(keys.common['input']).success,
    masks: ownPaths,
    report,
  };
}

interface Masking {
  readonly mask: Tool['mask'];
  readonly maskArguments: Tool['maskArguments'];
  schemaAfter(before: JsonSchema): JsonSchema | undefined;
}

function assemble(
  compiled: CompiledTool,
  { title, description, readOnly, destructive, idempotent, limits }: ToolDeclaration,
  written: Declared,
  backend: CompiledBackend,
  masking: Masking,
  validator: (schema: JsonSchema) => Validate,
  report: Report,
): Tool {
  const resolved = withoutTokens(compiled.inputSchema);
  const said = saidSafely(masking.mask, compiled, report);
  const tool: Tool = {
    name: compiled.name,
    title: title ?? said.title,
    description: description ?? said.description,
    backend: backend.ref,
    definitionHash: definitionHash(written.raw, { name: compiled.name, backend: backend.ref.definitionHash }),
    inputSchema: said.inputSchema,
    outputSchema: said.outputSchema && masking.schemaAfter(said.outputSchema),
    annotations: compiled.annotations ?? { readOnly, destructive, idempotent },
    timeoutMs: limits.timeout,
    validate: validator(compiled.inputSchema),
    ...(resolved === compiled.inputSchema ? {} : { validateResolved: validator(resolved) }),
    mask: masking.mask,
    maskArguments: masking.maskArguments,
    ...(compiled.available && { available: () => compiled.available?.() !== false }),
    call: backend.sound ? (call) => compiled.call(call) : refuseCall,
  };
  return Object.freeze<Tool>({ ...tool, ...previewOf(tool, compiled, backend) });
}

/** A tool of its own, under the same masks. */
function previewOf(tool: Tool, compiled: CompiledTool, backend: CompiledBackend): Pick<Tool, 'preview'> {
  if (compiled.preview === undefined) return {};
  const call = compiled.preview.bind(compiled);
  return {
    preview: Object.freeze<Tool>({
      ...tool,
      annotations: { readOnly: true, destructive: false, idempotent: true },
      timeoutMs: Math.min(tool.timeoutMs, PREVIEW_MS),
      call: backend.sound ? call : refuseCall,
    }),
  };
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
