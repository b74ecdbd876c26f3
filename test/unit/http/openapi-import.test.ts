// Tools made of OpenAPI descriptions: what is carried over, what is left out and by which words, and what a call then sends.
import { describe, expect, it } from 'vitest';
import { argumentValidators } from '../../../src/policy/argument-validator.ts';
import type { JsonSchema } from '../../../src/core/json.ts';
import type { CompiledTool } from '../../../tools/tool-kind.ts';
import { compileHttp, httpLease, json, serveHttp, type CompiledHttp } from '../../support/http-backend.ts';

const BACKEND = '{ url: "https://api.example/v1", openapi: api.yaml }';

const SHOP = `
openapi: 3.0.3
info: { title: Shop, version: "1" }
paths:
  /orders/{order-id}:
    parameters:
      - { $ref: '#/components/parameters/OrderId' }
      - { name: verbose, in: query, schema: { type: boolean } }
    get:
      operationId: getOrder
      summary: Get an order
      description: Gets one order with its lines.
      tags: [orders]
      parameters:
        - { name: verbose, in: query, description: Say more, schema: { type: string, enum: ['yes', 'no'] } }
        - { name: fields, in: query, explode: false, schema: { type: array, items: { type: string } } }
        - { name: tag, in: query, schema: { type: array, items: { type: string } } }
        - { name: X-Request-Id, in: header, schema: { type: string } }
        - { name: Authorization, in: header, required: true, schema: { type: string } }
        - { name: session, in: cookie, schema: { type: string } }
        - { name: filter, in: query, style: deepObject, schema: { type: object } }
      responses:
        '404': { description: no }
        '200': { description: ok, content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Answered' } } } } }
    patch:
      operationId: updateOrder
      tags: [orders]
      requestBody:
        required: true
        content:
          application/merge-patch+json:
            schema: { $ref: '#/components/schemas/Change' }
      responses: { '200': { description: ok } }
    delete: { operationId: deleteOrder, tags: [orders], responses: {} }
  /trees:
    post:
      operationId: plantTree
      tags: [odd]
      requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/Tree' } } } }
      responses: {}
    put:
      operationId: uploadTree
      tags: [odd]
      requestBody: { content: { multipart/form-data: {} } }
      responses: {}
    get:
      operationId: trees/find
      tags: [odd]
      parameters: [{ name: session, in: cookie, required: true, schema: { type: string } }]
      responses: {}
  /elsewhere:
    get: { operationId: elsewhere, tags: [odd], parameters: [{ $ref: 'https://other.example/p.yaml#/P' }], responses: {} }
    head: { operationId: nowhere, tags: [odd], parameters: [{ $ref: '#/components/parameters/None' }], responses: {} }
    put: { tags: [unnamed], responses: {} }
  /sloppy:
    get: { operationId: sloppy, tags: [odd], parameters: [{ name: n, in: query, schema: { type: number, minimum: '5' } }], responses: {} }
  /climb/../admin:
    get: { operationId: climb, tags: [odd], responses: {} }
components:
  parameters:
    OrderId: { name: order-id, in: path, required: true, schema: { type: string, pattern: '^[a-z]+$' } }
  schemas:
    Change:
      type: object
      required: [amount, id]
      properties:
        id: { type: string, readOnly: true }
        amount: { type: number, minimum: 0, exclusiveMinimum: true }
        note: { type: string, nullable: true, format: password, pattern: '(?=a)b' }
        lines: { type: array, items: { $ref: '#/components/schemas/Line' } }
        owner: { allOf: [{ $ref: '#/components/schemas/Named' }, { properties: { email: { type: string, format: email } }, required: [email] }] }
        kind: { oneOf: [{ type: string }, { $ref: '#/components/schemas/Named' }] }
        extra: { type: object, additionalProperties: { type: integer } }
    Answered: { type: object, properties: { id: { type: string, readOnly: true }, password: { type: string, writeOnly: true } } }
    Line: { type: object, properties: { count: { type: integer } } }
    Named: { type: object, properties: { name: { type: string } }, required: [name] }
    Tree: { type: object, properties: { children: { type: array, items: { $ref: '#/components/schemas/Tree' } } } }
`;

const load = (written: string, document = SHOP, backend = BACKEND): CompiledHttp =>
  compileHttp(backend, written, { document });

function one(written: string, document = SHOP): CompiledTool {
  const [tool] = load(written, document).tools;
  if (tool === undefined) throw new Error('no tool');
  return tool;
}

describe('an imported operation', () => {
  it('carries its words and arguments over', () => {
    const { tools, problems } = load('{ operation: getOrder }');
    expect(tools).toHaveLength(1);
    expect(tools[0]).toMatchObject({
      name: 'tool',
      title: 'Get an order',
      description: 'Gets one order with its lines.',
      annotations: { readOnly: true, destructive: false, idempotent: true },
      inputSchema: {
        type: 'object',
        properties: {
          order_id: { type: 'string', pattern: '^[a-z]+$' },
          verbose: { type: 'string', enum: ['yes', 'no'], description: 'Say more' },
          fields: { type: 'array', items: { type: 'string' } },
          tag: { type: 'array', items: { type: 'string' } },
          X_Request_Id: { type: 'string' },
        },
        required: ['order_id'],
        additionalProperties: false,
      },
    });
    expect(problems).toEqual([
      'warning: operation: getOrder is imported without: the cookie parameter "session" cannot be sent, the query parameter "filter" has the style deepObject',
    ]);
  });

  it('has a body that is closed, without references, and in the words of 2020-12', () => {
    const { tools, problems } = load('{ operation: updateOrder }');
    expect(tools[0]?.inputSchema['properties']).toMatchObject({
      body: {
        type: 'object',
        required: ['amount'],
        additionalProperties: false,
        properties: {
          amount: { type: 'number', exclusiveMinimum: 0 },
          note: { type: ['string', 'null'] },
          lines: {
            type: 'array',
            items: { type: 'object', properties: { count: { type: 'integer' } }, additionalProperties: false },
          },
          owner: {
            type: 'object',
            properties: { name: { type: 'string' }, email: { type: 'string', format: 'email' } },
            required: ['name', 'email'],
            additionalProperties: false,
          },
          kind: { oneOf: [{ type: 'string' }, { type: 'object', additionalProperties: false }] },
          extra: { type: 'object', additionalProperties: { type: 'integer' } },
        },
      },
    });
    expect(JSON.stringify(tools[0]?.inputSchema)).not.toMatch(/\$ref|"id"|nullable|password/);
    expect(problems).toEqual(['warning: operation: updateOrder is imported without: pattern (not in RE2 syntax)']);
    const fits = argumentValidators()(tools[0]?.inputSchema ?? {});
    const args = {
      order_id: 'a',
      body: { amount: 1, note: null, owner: { name: 'n', email: 'a@b.example' }, kind: { name: 'k' } },
    };
    expect(fits(args)).toEqual([]);
    expect(fits({ ...args, body: { amount: 0 } })).toEqual(['body.amount: must be > 0']);
    expect(fits({ ...args, body: { amount: 1, id: 'x' } })).toEqual(['body.id: there is no such argument']);
    expect(fits({ ...args, body: { amount: 1, lines: [{ count: 1, price: 2 }] } })).toEqual([
      'body.lines.0.price: there is no such argument',
    ]);
  });

  it('tells what its answer is described to be, so that masks can be held against it', () => {
    expect(one('{ operation: getOrder }').describedAnswer?.()).toEqual({
      type: 'object',
      properties: {
        body: {
          type: 'array',
          items: { type: 'object', properties: { id: { type: 'string' } }, additionalProperties: false },
        },
      },
    });
    expect(one('{ operation: deleteOrder }').describedAnswer?.()).toBeUndefined();
  });

  it('sends what the description says', async () => {
    await using server = await serveHttp((_, response) => {
      json(response, {});
    });
    await using lease = httpLease();
    const backend = `{ url: "${server.origin}/v1", openapi: api.yaml, privateAddresses: [127.0.0.1] }`;
    const [getOrder, updateOrder] = load('{ operations: [getOrder, updateOrder] }', SHOP, backend).tools;
    if (getOrder === undefined || updateOrder === undefined) throw new Error('no tools');
    const args = { order_id: 'a/b', verbose: 'yes', fields: ['x', 'y,z'], tag: ['1', '2'], X_Request_Id: 'r' };
    await lease.call(getOrder, args);
    await lease.call(updateOrder, { order_id: 'a', body: { amount: 2 } });
    const [get, patch] = server.received;
    expect(get?.url).toBe('/v1/orders/a%2Fb?verbose=yes&fields=x,y%2Cz&tag=1&tag=2');
    expect(get?.headers).toMatchObject({ 'x-request-id': 'r' });
    expect(get?.headers).not.toHaveProperty('authorization');
    expect(patch).toMatchObject({ method: 'PATCH', url: '/v1/orders/a', body: '{"amount":2}' });
    expect(patch?.headers['content-type']).toBe('application/merge-patch+json');
  });

  it('takes no header that the broker or the connection speaks for, and none that has no name', () => {
    const names = [
      'Host',
      'content-length',
      'Transfer-Encoding',
      'Connection',
      'Accept-Encoding',
      'Cookie jar',
      'X-Plain',
    ];
    const parameters = names.map((name) => ({ name, in: 'header', schema: { type: 'string' } }));
    const get = { operationId: 'go', parameters };
    const { tools, problems } = load(
      '{ operation: go }',
      JSON.stringify({ openapi: '3.1.0', paths: { '/go': { get } } }),
    );
    expect(Object.keys(tools[0]?.inputSchema['properties'] ?? {})).toEqual(['X_Plain']);
    expect(problems).toEqual([
      'warning: operation: go is imported without: the header parameter "Cookie jar" is no name of a header',
    ]);
  });

  it('may be narrowed by the declaration, argument by argument', () => {
    const tool = one(
      '{ operation: getOrder, input: { tag: { type: string, enum: [a] }, order_id: { type: string, accepts: [order] } } }',
    );
    expect(tool.inputSchema).toMatchObject({
      properties: { tag: { type: 'string', enum: ['a'] }, order_id: { 'x-accepts-tokens': ['order'] }, fields: {} },
      required: ['order_id', 'tag'],
    });
    expect(load('{ operation: getOrder, input: { gat: { type: string } } }').problems).toContain(
      'input.gat: the operation has no argument "gat"',
    );
  });
});

describe('several operations', () => {
  it('are chosen by id or tag, and called after themselves', () => {
    const { tools } = load('{ operations: [getOrder], tags: [orders, unnamed], prefix: shop_ }');
    expect(tools.map(({ name, annotations }) => [name, annotations?.readOnly, annotations?.destructive])).toEqual([
      ['shop_getOrder', true, false],
      ['shop_updateOrder', false, false],
      ['shop_deleteOrder', false, true],
      ['shop_put_elsewhere', false, true],
    ]);
  });

  it('that came with a tag and cannot be imported are left out, each with the reason', () => {
    const { tools, problems } = load('{ tags: [odd] }');
    expect(tools).toEqual([]);
    expect(problems.map((line) => line.replace('warning: tags.0: ', ''))).toEqual([
      'trees/find cannot be imported: the cookie parameter "session" cannot be sent',
      'plantTree cannot be imported: the schema #/components/schemas/Tree contains itself',
      'uploadTree cannot be imported: its body is multipart/form-data',
      'elsewhere cannot be imported: the reference https://other.example/p.yaml#/P leaves the file',
      'nowhere cannot be imported: the reference #/components/parameters/None points at nothing',
      'sloppy cannot be imported: the schema of its arguments is none: /properties/n/minimum must be number',
      'climb cannot be imported: its path is no plain path: /climb/../admin',
    ]);
  });

  it('that were chosen by name and cannot be imported are errors', () => {
    expect(load('{ operations: [plantTree, getOrdr], tags: [ordres] }').problems).toEqual([
      'operations.1: the description has no operation "getOrdr"',
      'tags.0: the description has no operation with the tag "ordres"',
      'operations.0: plantTree cannot be imported: the schema #/components/schemas/Tree contains itself',
    ]);
  });
});

describe('a declaration', () => {
  it.each([
    ['{ operation: getOrder, method: GET }', 'method: a tool is either imported or declared'],
    [
      '{ operations: [getOrder], input: { tag: { type: string } } }',
      'input: the arguments of these tools are what the description says',
    ],
    [
      '{ operation: deleteOrder, readOnly: true }',
      'warning: readOnly: deleteOrder is a DELETE request, which usually changes something',
    ],
  ])('%s says: %s', (written, problem) => {
    expect(load(written).problems).toContain(problem);
  });

  it('imports nothing where the backend has no description', () => {
    expect(compileHttp('{ url: "https://api.example" }', '{ operation: a }').problems).toEqual([
      'backend: the backend has no OpenAPI description to import from',
    ]);
  });

  it.each([
    ['{ "openapi": ', 'the file is neither JSON nor YAML'],
    ['a: [', 'the file is neither JSON nor YAML'],
    ['swagger: "2.0"', 'this is Swagger 2; convert it first'],
    ['openapi: 4.0.0', 'expected `openapi: 3.x.y`'],
    ['- a', 'the file is no OpenAPI description'],
  ])('imports nothing of %s', (document, problem) => {
    const { tools, problems } = load('{ operation: a }', document);
    expect(tools).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });
});

it('schemas of 3.1 are read as they are, and compositions beside properties stay whole', () => {
  const body: JsonSchema = {
    type: ['object', 'null'],
    properties: { a: { const: 1 }, b: { type: ['string', 'null'] } },
    anyOf: [{ properties: { c: { type: 'string' } }, required: ['c'] }, { properties: { d: true, e: false } }],
    if: { required: ['a'] },
  };
  const post = { operationId: 'go', requestBody: { content: { 'application/json': { schema: body } } } };
  const document = JSON.stringify({ openapi: '3.1.0', paths: { '/go': { post } } });
  const { tools, problems } = load('{ operation: go }', document);
  expect(problems).toEqual(['warning: operation: go is imported without: if']);
  const fits = argumentValidators()(tools[0]?.inputSchema ?? {});
  expect(fits({ body: { a: 1, b: null, c: 'x' } })).toEqual([]);
  expect(fits({ body: null })).toEqual([]);
  expect(fits({})).toEqual([]);
  expect(fits({ body: { c: 'x', z: 1 } })).not.toEqual([]);
});
