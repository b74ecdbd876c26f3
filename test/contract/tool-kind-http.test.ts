import { httpLease, httpTool, json, serveHttp } from '../support/http-backend.ts';
import { BACKEND_SECRET, describeToolKind } from './tool-kind-contract.ts';

describeToolKind('http', async () => {
  const server = await serveHttp(({ url, body }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://here');
    switch (pathname) {
      case '/base/echo':
        json(response, { value: searchParams.get('value') });
        break;
      case '/base/long':
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ text: 'x'.repeat(1_000_000), body }));
        break;
      case '/base/fails':
        json(response, { error: `connection string postgres://u:${BACKEND_SECRET}@db` }, 500);
        break;
    }
  });
  const lease = httpLease();
  const maxBytes = 10_000;
  return {
    echo: httpTool(
      server.origin,
      '{ method: GET, path: /echo, query: { value: "{value}" }, input: { value: { type: string } } }',
    ),
    hangs: httpTool(server.origin, '{ method: GET, path: /hangs }'),
    hangsInChange: httpTool(server.origin, '{ method: POST, path: /hangs }'),
    oversize: httpTool(server.origin, `{ method: GET, path: /long, limits: { bytes: ${String(maxBytes)} } }`),
    maxBytes,
    fails: httpTool(server.origin, '{ method: GET, path: /fails }'),
    call: (tool, args, more) => lease.call(tool, args, more),
    async [Symbol.asyncDispose]() {
      await lease[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});
