// What an app can give to `sallyport()`, as its editor sees it. Each line below `@ts-expect-error` is a likely mistake.
import type { MCPServerStreamableHttp } from '@openai/agents';
import { sallyport } from 'sallyport/agents';

const url = 'https://tools.example.com/mcp';
const token = (): Promise<string> => Promise.resolve('token');
const client = { issuer: 'https://id.example.com', clientId: 'agent', clientSecret: 'secret' };

export const servers: readonly MCPServerStreamableHttp[] = [
  sallyport({ url, token }),
  sallyport({ url, ...client, tokenParameters: { audience: 'tools' }, timeoutMs: 60_000 }),
  sallyport({ url, token, session: ({ runContext, toolName }) => `${String(runContext.context)}:${toolName}` }),
  sallyport({ url, token, server: { name: 'tools', cacheToolsList: true } }),
];

// @ts-expect-error neither a token nor a client
sallyport({ url });
// @ts-expect-error a token beside a client
sallyport({ url, token, ...client });
// @ts-expect-error a client without its secret
sallyport({ url, issuer: client.issuer, clientId: client.clientId });
// @ts-expect-error a misspelt option
sallyport({ url, token, sesion: 'run-1' });
// @ts-expect-error the token is the library's business
sallyport({ url, token, server: { authProvider: { token } } });
