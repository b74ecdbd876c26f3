// The OpenAPI 3.1 document of the people's API, made from the operations themselves. Pure.
import { z } from 'zod';
import type { Json, JsonObject } from './core/json.ts';
import { OPERATIONS, type Operation } from './http-api-operations.ts';
import { problemSchema } from './http-api-schema.ts';

export const API_PATH = '/api/v1';

/** What every operation can answer beyond its own. */
const COMMON_PROBLEMS = {
  400: 'The request is not as expected.',
  401: 'No valid access token of a person: audience <publicUrl>/api, issued to the client that people sign in through.',
  503: 'Tokens cannot be checked, or the record cannot be kept, at the moment.',
};

export function apiDocument(publicUrl: string, version: string): JsonObject {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = described(operation);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sallyport',
      version,
      description: "The people's side of the broker: who decides about calls that wait for a person.",
    },
    servers: [{ url: publicUrl + API_PATH }],
    security: [{ person: [] }],
    paths,
    components: {
      securitySchemes: {
        person: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `An access token of a person for ${publicUrl}/api. Agents' tokens are refused.`,
        },
      },
      schemas: { Problem: schemaOf(problemSchema) },
    },
  };
}

function described(operation: Operation): JsonObject {
  const { roles } = operation;
  const role = roles === undefined ? [] : [`It takes the role ${roles.join(' or ')}.`];
  const forbidden = [...role, operation.problems[403] ?? []].flat().join(' ');
  const problems = { ...COMMON_PROBLEMS, ...operation.problems, ...(forbidden !== '' && { 403: forbidden }) };
  const { properties = {} } = schemaOf(operation.query, 'input');
  const query = Object.entries(properties as JsonObject).map(([name, schema]) => ({ name, in: 'query', schema }));
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    return { name, in: 'path', required: true, schema: { type: 'string' } };
  });
  return {
    operationId: operation.id,
    summary: operation.summary,
    parameters: [...inPath, ...query],
    ...(operation.body && { requestBody: { required: true, content: json(schemaOf(operation.body, 'input')) } }),
    responses: {
      [operation.status]: { description: operation.summary, content: json(schemaOf(operation.answer)) },
      ...Object.fromEntries(Object.entries(problems).map(([status, when]) => [status, problem(when)])),
    },
  };
}

function problem(description: string): JsonObject {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}

function json(schema: JsonObject): JsonObject {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as JsonObject;
  return rest;
}
