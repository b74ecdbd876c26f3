// The test's upstream on SDK v1, which knows the 2025 era alone. Run as a process it serves over stdio.
/* eslint-disable @typescript-eslint/no-deprecated -- the low-level server is what hands on everything as it is */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { UpstreamTools } from './upstream-tools.ts';

export function createUpstreamV1(tools: UpstreamTools): Server {
  const server = new Server({ name: 'upstream', version: '1' }, { capabilities: { tools: { listChanged: true } } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools.list() as never }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) =>
    tools.call(params.name, params.arguments ?? {}, {
      signal: extra.signal,
      progressToken: extra._meta?.progressToken,
      notify: (method, sent) => extra.sendNotification({ method, params: sent }),
      ask: async () => {
        await server.elicitInput({ message: 'Your password?', requestedSchema: { type: 'object', properties: {} } });
        return {};
      },
    }),
  );
  return server;
}

if (import.meta.main) await createUpstreamV1(new UpstreamTools()).connect(new StdioServerTransport());
