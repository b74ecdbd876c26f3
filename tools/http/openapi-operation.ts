// One operation of an OpenAPI description as a tool: its arguments, and the request that is made of them. Pure.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../src/core/json.ts';
import { isHeaderName, isOwnHeader, type HttpBackend } from './http-backend.ts';
import { entriesOf, LeftOut, type OpenApi, type Operation } from './openapi-document.ts';
import { SchemaReader } from './openapi-schema.ts';
import { isSafe, type RequestPlan } from './request.ts';
import { fillHeader, fillList, fillPath, fillQuery, readTemplate, type Template } from './template.ts';

export interface ImportedOperation {
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly inputSchema: JsonSchema;
  readonly plan: RequestPlan;
  /** Of the structured content, as the description has it; undefined where it says nothing that can be used. */
  describedAnswer(): JsonSchema | undefined;
  /** Parts that the tool does without. */
  readonly leftOut: readonly string[];
}

/** The argument that is the body of the request. */
const BODY = 'body';
const JSON_TYPE = /^application\/([\w.-]+\+)?json(;|$)/;
const MAX_DESCRIPTION_CHARACTERS = 4_000;

interface Parameter {
  readonly name: string;
  readonly in: string;
  /** What the tool calls it. */
  readonly argument: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
  /** Items of a list stand in one parameter, with this between them. */
  readonly separator: string | undefined;
}

/** Throws LeftOut, with the reason, where no tool can be made of it. */
export function importOperation(api: OpenApi, operation: Operation, backend: HttpBackend): ImportedOperation {
  const schemas = new SchemaReader(api);
  const leftOut: string[] = [];
  const parameters: Parameter[] = [];
  for (const written of distinct(api, operation.parameters)) {
    const made = parameterOf(written, schemas, backend);
    if (made === undefined) continue;
    if (typeof made === 'string') leftOut.push(made);
    else parameters.push(made);
  }
  const body = bodyOf(api, operation, schemas);
  if (body.leftOut !== undefined) leftOut.push(body.leftOut);
  const names = [...parameters.map(({ argument }) => argument), ...(body.schema === undefined ? [] : [BODY])];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new LeftOut(`two of its parameters would be called ${twice}`);

  const path = pathTemplate(operation.path, parameters);
  const { summary, description } = operation.written;
  const words = text(description) ?? text(summary);
  const inputSchema: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries([
      ...parameters.map(({ argument, schema }) => [argument, schema] as const),
      ...(body.schema === undefined ? [] : [[BODY, body.schema] as const]),
    ]),
    required: [
      ...parameters.filter(({ required }) => required).map(({ argument }) => argument),
      ...(body.schema !== undefined && body.required ? [BODY] : []),
    ],
    additionalProperties: false,
  };
  checkSchema(inputSchema);
  return {
    title: text(summary),
    description: words?.slice(0, MAX_DESCRIPTION_CHARACTERS),
    inputSchema,
    plan: planOf(operation, path, parameters, body.mediaType),
    describedAnswer: () => answerOf(api, operation),
    leftOut: [...leftOut, ...schemas.leftOut],
  };
}

const metaSchema = new Ajv2020({ strict: false });

/** Throws LeftOut for a schema that no argument could be held against. */
function checkSchema(schema: JsonSchema): void {
  if (metaSchema.validateSchema(schema) === true) return;
  const [first] = metaSchema.errors ?? [];
  throw new LeftOut(`the schema of its arguments is none: ${first?.instancePath ?? ''} ${first?.message ?? ''}`);
}

/** A parameter of the operation stands in the place of one of its path with the same name. */
function distinct(api: OpenApi, parameters: readonly Json[]): Iterable<JsonObject> {
  const found = new Map<string, JsonObject>();
  for (const written of parameters) {
    const { value } = api.resolve(written);
    if (isJsonObject(value)) found.set(JSON.stringify([value['in'], value['name']]), value);
  }
  return found.values();
}

/** Text says that it was left out, and why; undefined that it is the broker's to say. Throws LeftOut where it cannot be left out. */
function parameterOf(written: JsonObject, schemas: SchemaReader, backend: HttpBackend): Parameter | string | undefined {
  const { name, in: where, required: asked, style, explode } = written;
  if (typeof name !== 'string' || typeof where !== 'string') throw new LeftOut('one of its parameters has no name');
  if (where === 'header' && isSpokenFor(name, backend)) return undefined;
  const required = asked === true || where === 'path';
  const without = (why: string): string => {
    const which = `the ${where} parameter "${name}" ${why}`;
    if (required) throw new LeftOut(which);
    return which;
  };
  if (!['path', 'query', 'header'].includes(where)) return without('cannot be sent');
  if (where === 'header' && !isHeaderName(name)) return without('is no name of a header');
  if (written['schema'] === undefined) return without('has no schema');
  const usual = where === 'query' ? 'form' : 'simple';
  const separated = where === 'query' && explode === false ? SEPARATORS[text(style) ?? usual] : undefined;
  if ((style ?? usual) !== usual && separated === undefined) return without(`has the style ${text(style) ?? ''}`);
  const schema = schemas.read(written['schema']);
  const types = [schema['type']].flat();
  const items = isJsonObject(schema['items']) ? [schema['items']['type']].flat() : [];
  if (types.includes('object')) return without('is an object');
  if (types.includes('array') && items.some((type) => type === 'object' || type === 'array')) {
    return without('is a list of objects');
  }
  const description = text(written['description']) ?? text(schema['description']);
  return {
    name,
    in: where,
    argument: name.replaceAll(/[^a-zA-Z0-9_]/g, '_'),
    required,
    schema: description === undefined ? schema : { ...schema, description },
    separator: separated,
  };
}

const SEPARATORS: Readonly<Record<string, string>> = { form: ',', spaceDelimited: '%20', pipeDelimited: '%7C' };

/** OpenAPI says that `accept`, `content-type` and `authorization` are no parameters, whatever a description says. */
function isSpokenFor(name: string, { headers, token, idempotencyHeader }: HttpBackend): boolean {
  const lower = name.toLowerCase();
  const own = [...Object.keys(headers), 'authorization', token?.header ?? '', idempotencyHeader];
  return isOwnHeader(name) || own.some((one) => one.toLowerCase() === lower);
}

interface Body {
  readonly schema?: JsonSchema;
  readonly mediaType?: string;
  readonly required?: boolean;
  readonly leftOut?: string;
}

function bodyOf(api: OpenApi, { method, written }: Operation, schemas: SchemaReader): Body {
  const { value: body } = api.resolve(written['requestBody']);
  if (!isJsonObject(body)) return {};
  const types = entriesOf(body['content']);
  const found = types.find(([type]) => JSON_TYPE.test(type));
  // A change that is sent without what it was meant to carry would be another change.
  if (isSafe(method)) return { leftOut: `a ${method} request has no body` };
  if (found === undefined) throw new LeftOut(`its body is ${types.map(([type]) => type).join(' or ')}`);
  const [mediaType, content] = found;
  const schema = schemas.read(isJsonObject(content) ? content['schema'] : undefined);
  const description = text(body['description']);
  const required = body['required'] === true;
  return { schema: description === undefined ? schema : { ...schema, description }, mediaType, required };
}

/** What the first success is described to be, as the kind answers it. */
function answerOf(api: OpenApi, { written }: Operation): JsonSchema | undefined {
  try {
    const [, success] = entriesOf(written['responses']).find(([status]) => status.startsWith('2')) ?? [];
    const { value: response } = api.resolve(success);
    const types = isJsonObject(response) ? entriesOf(response['content']) : [];
    const [, content] = types.find(([type]) => JSON_TYPE.test(type)) ?? [];
    if (!isJsonObject(content) || content['schema'] === undefined) return undefined;
    const schema = new SchemaReader(api, 'writeOnly').read(content['schema'], true);
    return isObject(schema) ? schema : { type: 'object', properties: { body: schema } };
  } catch (error) {
    if (error instanceof LeftOut) return undefined;
    throw error;
  }
}

function isObject(schema: JsonSchema): boolean {
  return [schema['type']].flat().includes('object') || schema['properties'] !== undefined;
}

function pathTemplate(path: string, parameters: readonly Parameter[]): Template {
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[?#\\]|%2f|%5c|(^|\/)\.{1,2}(\/|$)/i.test(path)) {
    throw new LeftOut(`its path is no plain path: ${path}`);
  }
  return readTemplate(path).map((part, index) => {
    if (index % 2 === 0) return part;
    const parameter = parameters.find((one) => one.in === 'path' && one.name === part);
    if (parameter === undefined) throw new LeftOut(`its path names {${part}}, which is no parameter`);
    return parameter.argument;
  });
}

function planOf(
  { method }: Operation,
  path: Template,
  parameters: readonly Parameter[],
  mediaType?: string,
): RequestPlan {
  const alone = ({ argument }: Parameter): Template => ['', argument, ''];
  const inQuery = parameters.filter((one) => one.in === 'query');
  const inHeader = parameters.filter((one) => one.in === 'header');
  return {
    method,
    build: (args) => ({
      path: fillPath(path, args),
      query: inQuery.flatMap((one) =>
        one.separator === undefined
          ? fillQuery(one.name, alone(one), args)
          : fillList(one.name, one.argument, one.separator, args),
      ),
      headers: Object.fromEntries([
        ...(mediaType === undefined || args[BODY] === undefined ? [] : [['content-type', mediaType] as const]),
        ...inHeader.flatMap((one) => {
          const value = fillHeader(alone(one), args);
          return value === undefined ? [] : [[one.name, value] as const];
        }),
      ]),
      body: mediaType === undefined ? undefined : args[BODY],
    }),
  };
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
