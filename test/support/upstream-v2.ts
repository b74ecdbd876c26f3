// The test's upstream on SDK v2: both eras. Run as a process it serves over stdio.
import { Server, inputRequired, type ServerContext } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { UpstreamTools } from './upstream-tools.ts';

/** @param announce sends a notification to whoever listens beside the calls */
export function createUpstream(tools: UpstreamTools, announce?: () => void): Server {
  const server = new Server({ name: 'upstream', version: '2' }, { capabilities: { tools: { listChanged: true } } });
  server.setRequestHandler('tools/list', () => ({ tools: tools.list() as never }));
  server.setRequestHandler('tools/call', async ({ params }, context: ServerContext) => {
    const { mcpReq } = context;
    return (await tools.call(params.name, params.arguments ?? {}, {
      signal: mcpReq.signal,
      progressToken: mcpReq._meta?.progressToken,
      notify: async (method, sent) => {
        if (method === 'notifications/tools/list_changed' && announce !== undefined) announce();
        else if (method === 'notifications/tools/list_changed') await server.sendToolListChanged();
        else await mcpReq.notify({ method, params: sent });
      },
      ask: async () => {
        const request = { message: 'Your password?', requestedSchema: { type: 'object' as const, properties: {} } };
        if (mcpReq.envelope !== undefined)
          return inputRequired({
            inputRequests: { password: { method: 'elicitation/create', params: request } },
          });
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- it is how the 2025 era asks
        await mcpReq.elicitInput(request);
        return {};
      },
    })) as never;
  });
  return server;
}

if (import.meta.main) {
  const tools = new UpstreamTools();
  serveStdio(() => createUpstream(tools));
}
