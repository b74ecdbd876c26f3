// Tools imported from a backend's OpenAPI description: one operation under the declaration's name, or several under their own. Pure.
import { z } from 'zod';
import type { JsonSchema } from '../../src/core/json.ts';
import { didYouMean } from '../../src/core/nearest.ts';
import type { ProblemPlace, Report } from '../../src/core/problem.ts';
import type { ToolAnnotations } from '../../src/core/tool.ts';
import type { DeclaredTool } from '../tool-kind.ts';
import type { HttpBackend } from './http-backend.ts';
import type { HttpTool } from './http-kind.ts';
import { LeftOut, type OpenApi, type Operation, readOpenApi } from './openapi-document.ts';
import { type ImportedOperation, importOperation } from './openapi-operation.ts';
import { isIdempotent, isSafe } from './request.ts';

const some = z.array(z.string().min(1)).min(1);

export const declaredImport = {
  operation: z.string().min(1).optional().describe('The id of one operation of the OpenAPI description, under the name of this declaration.'),
  operations: some.optional().describe('Ids of several; each tool is called after its operation.'),
  tags: some.optional().describe('Every operation with one of these tags.'),
  prefix: z.string().regex(/^[a-zA-Z0-9_]{1,32}$/, 'expected letters, digits and "_"').optional().describe('Stands before the names of the tools that `operations` and `tags` make.'),
}; // prettier-ignore

export interface ImportedTool extends ImportedOperation {
  readonly name: string;
  readonly annotations: ToolAnnotations;
}

type Declared = DeclaredTool<HttpBackend, HttpTool>;

/** What is chosen, where it is chosen, and whether it must be there. */
interface Chosen {
  readonly operation: Operation;
  readonly place: ProblemPlace['path'];
  readonly byName: boolean;
}

/** Reports at the tool's declaration: what was chosen by name and cannot be made is an error, what came with a tag a warning. */
export function importTools(declared: Declared, report: Report): readonly ImportedTool[] {
  const { declaration, backend, input, annotations, name } = declared;
  const document = backend.documents.get('openapi');
  if (document === undefined) {
    const message = 'the backend has no OpenAPI description to import from';
    if (backend.options.openapi === undefined)
      report.error({ path: ['backend'] }, message, 'add `openapi: FILE` to it');
    return [];
  }
  const api = readOpenApi(document);
  if (typeof api === 'string') return [];
  const chosen = choose(declared, api, report);
  if (Object.keys(input.properties).length > 0 && declaration.operation === undefined) {
    const hint = 'leave it out, or import one `operation` at a time';
    report.error({ path: ['input'], atKey: true }, 'the arguments of these tools are what the description says', hint);
  }
  const changing = chosen.find(({ operation }) => !isSafe(operation.method))?.operation;
  if (annotations.readOnly && changing !== undefined) {
    const message = `${changing.id} is a ${changing.method} request, which usually changes something`;
    report.warning({ path: ['readOnly'] }, message, 'leave readOnly out: what is read is known by its method');
  }
  return chosen.flatMap(({ operation, place, byName }) => {
    try {
      const imported = importOperation(api, operation, backend.options);
      if (imported.leftOut.length > 0) {
        report.warning({ path: place }, `${operation.id} is imported without: ${imported.leftOut.join(', ')}`);
      }
      return [
        {
          ...imported,
          name: declaration.operation === undefined ? toolName(operation.id, declaration.prefix) : name,
          inputSchema: narrowed(imported.inputSchema, declared, report),
          annotations: annotationsOf(operation, annotations),
        },
      ];
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      report[byName ? 'error' : 'warning']({ path: place }, `${operation.id} cannot be imported: ${error.message}`);
      return [];
    }
  });
}

function choose({ declaration }: Declared, api: OpenApi, report: Report): readonly Chosen[] {
  const { operation: only, operations = [], tags = [] } = declaration;
  const named = [
    ...(only === undefined ? [] : [{ id: only, place: ['operation'] }]),
    ...operations.map((id, index) => ({ id, place: ['operations', index] })),
  ];
  const chosen = new Map<string, Chosen>();
  for (const { id, place } of named) {
    const operation = api.operations.get(id);
    if (operation !== undefined) chosen.set(id, { operation, place, byName: true });
    else
      report.error({ path: place }, `the description has no operation "${id}"`, didYouMean(id, api.operations.keys()));
  }
  for (const [index, tag] of tags.entries()) {
    const place = ['tags', index];
    const tagged = api.tags.get(tag);
    if (tagged === undefined) {
      report.error(
        { path: place },
        `the description has no operation with the tag "${tag}"`,
        didYouMean(tag, api.tags.keys()),
      );
    }
    for (const operation of tagged ?? []) {
      if (!chosen.has(operation.id)) chosen.set(operation.id, { operation, place, byName: false });
    }
  }
  return [...chosen.values()];
}

function toolName(id: string, prefix = ''): string {
  return prefix + id.replaceAll(/[^a-zA-Z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '');
}

/** An input that the declaration has, too, is what it says there: narrower, or open to tokens. */
function narrowed(schema: JsonSchema, { declaration, input }: Declared, report: Report): JsonSchema {
  if (declaration.operation === undefined) return schema;
  const properties = schema['properties'] as Readonly<Record<string, JsonSchema>>;
  const required = schema['required'] as readonly string[];
  for (const name of Object.keys(input.properties)) {
    if (Object.hasOwn(properties, name)) continue;
    const known = Object.keys(properties);
    const hint = didYouMean(name, known) ?? `it has ${known.join(', ')}`;
    report.error({ path: ['input', name], atKey: true }, `the operation has no argument "${name}"`, hint);
  }
  const asked = Object.keys(input.properties).filter((name) => !input.optional.includes(name));
  return {
    ...schema,
    properties: { ...properties, ...input.properties },
    required: [...new Set([...required, ...asked])],
  };
}

/** What the method says (RFC 9110), and what the declaration adds. */
function annotationsOf({ method }: Operation, declared: ToolAnnotations): ToolAnnotations {
  return {
    readOnly: declared.readOnly || isSafe(method),
    destructive: declared.destructive || method === 'DELETE' || method === 'PUT',
    idempotent: declared.idempotent || isIdempotent(method),
  };
}
