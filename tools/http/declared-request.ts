// One request as a tool declares it: method, path, query, headers and body, with `{argument}` where a value goes. Pure.
import { z } from 'zod';
import type { Json, JsonObject, JsonSchema } from '../../src/core/json.ts';
import { didYouMean } from '../../src/core/nearest.ts';
import type { Report } from '../../src/core/problem.ts';
import type { DeclaredTool } from '../tool-kind.ts';
import { headerName, headerValue, type HttpBackend } from './http-backend.ts';
import type { HttpTool } from './http-kind.ts';
import { isSafe, METHODS, type Method, type RequestPlan } from './request.ts';
import { bodyTemplates, fillBody, fillHeader, fillPath, fillQuery, readTemplate } from './template.ts';

export const declaredRequest = {
  method: z.enum(METHODS).optional().describe('The method of the request.'),
  path: z.string().regex(/^\/[\x21-\x7e]*$/, 'expected a path that begins with "/"')
    .refine((path) => !/[?#\\]|%2f|%5c|(^|\/)\.{1,2}(\/|$)/i.test(path), 'expected a path without a query and without "." or ".." parts\nput parameters under `query`')
    .optional()
    .describe('The path below that of the backend. `{argument}` stays within its part of the path.'),
  query: z.record(z.string().min(1), z.string()).optional().describe('Parameters of the query. `{argument}` stays within its parameter; a list makes several.'),
  headers: z.record(headerName, headerValue).optional().describe('Headers of this request. `{argument}` stays within its line.'),
  body: z.json().optional().describe('What is sent as JSON. "{argument}" alone is the value as it is.'),
}; // prettier-ignore

interface DeclaredRequest {
  readonly name: string;
  readonly inputSchema: JsonSchema;
  readonly plan: RequestPlan;
}

type Place = readonly (string | number)[];
type Declared = DeclaredTool<HttpBackend, HttpTool>;

/** Reports at the tool's declaration. Undefined where there is nothing to call. */
export function compileRequest(declared: Declared, report: Report): DeclaredRequest | undefined {
  const { name: tool, declaration, input, backend, annotations } = declared;
  const { method, path, query = {}, headers = {}, body } = declaration;
  if (method === undefined || path === undefined) {
    for (const [key, value] of Object.entries({ method, path })) {
      if (value === undefined) report.error({ path: [key] }, `missing \`${key}\`: a request has a method and a path`);
    }
    return undefined;
  }
  const uses = new Set<string>();
  const use = (text: string, place: Place, fits: (schema: JsonSchema) => string | undefined): void => {
    for (const { name, offset } of placesOf(text)) {
      uses.add(name);
      const schema = Object.hasOwn(input.properties, name) ? input.properties[name] : undefined;
      const at = { path: place, offset };
      if (schema === undefined) {
        const hint = didYouMean(name, Object.keys(input.properties)) ?? `declare ${name} under input`;
        report.error(at, `{${name}} is no input of the tool`, hint);
        continue;
      }
      const misfit = place[0] === 'path' && input.optional.includes(name) ? 'may be left out' : fits(schema);
      if (misfit !== undefined) report.error(at, `{${name}} cannot stand here: the input ${misfit}`);
    }
  };
  use(path, ['path'], scalar);
  for (const [name, text] of Object.entries(query))
    use(text, ['query', name], text === `{${placesOf(text)[0]?.name ?? ''}}` ? scalarOrList : scalar);
  for (const [name, text] of Object.entries(headers)) use(text, ['headers', name], scalar);
  for (const { text, path: place } of bodyTemplates(body ?? null, ['body'])) use(text, place, () => undefined);
  for (const name of Object.keys(input.properties)) {
    if (uses.has(name)) continue;
    report.error(
      { path: ['input', name], atKey: true },
      `the request does not use {${name}}`,
      'use it, or remove the input',
    );
  }
  checkHeaders(headers, backend.options, report);
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    report.error({ path: ['body'], atKey: true }, `a ${method} request has no body`);
  if (annotations.readOnly && !isSafe(method)) {
    const message = `a ${method} request usually changes something, and that it does not is for the backend to hold`;
    report.warning({ path: ['readOnly'] }, message, 'leave readOnly out, unless the backend only reads there');
  }
  const required = Object.keys(input.properties).filter((one) => !input.optional.includes(one));
  return {
    name: tool,
    inputSchema: { type: 'object', properties: input.properties, required, additionalProperties: false },
    plan: planOf(method, { path, query, headers, body }),
  };
}

interface Written {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json | undefined;
}

function planOf(method: Method, { path, query, headers, body }: Written): RequestPlan {
  const pathTemplate = readTemplate(path);
  const queryTemplates = Object.entries(query).map(([name, text]) => [name, readTemplate(text)] as const);
  const headerTemplates = Object.entries(headers).map(([name, text]) => [name, readTemplate(text)] as const);
  return {
    method,
    build(args: JsonObject) {
      const filled = headerTemplates.flatMap(([name, template]) => {
        const value = fillHeader(template, args);
        return value === undefined ? [] : [[name, value] as const];
      });
      return {
        path: fillPath(pathTemplate, args),
        query: queryTemplates.flatMap(([name, template]) => fillQuery(name, template, args)),
        headers: Object.fromEntries(filled),
        body: body === undefined ? undefined : fillBody(body, args),
      };
    },
  };
}

function placesOf(text: string): { readonly name: string; readonly offset: number }[] {
  return [...text.matchAll(/\{([^{}]*)\}/g)].map(({ 1: name = '', index }) => ({ name, offset: index }));
}

function scalar({ type }: JsonSchema): string | undefined {
  return type === 'array' || type === 'object' ? `is of type ${type}` : undefined;
}

function scalarOrList(schema: JsonSchema): string | undefined {
  if (schema['type'] !== 'array') return scalar(schema);
  return scalar((schema['items'] ?? {}) as JsonSchema) && 'is a list of lists or objects';
}

/** A header that two speak for has the value of whoever speaks last: nobody should have to know who that is. */
function checkHeaders(headers: Written['headers'], options: HttpBackend, report: Report): void {
  const taken = [options.token?.header ?? 'authorization', options.idempotencyHeader, ...Object.keys(options.headers)];
  for (const name of Object.keys(headers)) {
    if (!taken.some((one) => one.toLowerCase() === name.toLowerCase())) continue;
    report.error(
      { path: ['headers', name], atKey: true },
      'the backend, or the broker itself, says what stands in this header',
    );
  }
}
