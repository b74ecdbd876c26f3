// A loopback proxy that adds an access token to whatever passes, and changes nothing else: for MCP clients that have
// no way to be given one.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream';

export interface TokenProxy extends AsyncDisposable {
  /** Where the server that it stands before is served. */
  readonly url: URL;
}

export async function startTokenProxy(port: number, target: URL, token: () => string): Promise<TokenProxy> {
  const server = createServer((incoming, response) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${token()}` };
    const { method, url: path } = incoming;
    const outgoing = request({ host: target.hostname, port: target.port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => undefined);
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(target.pathname, `http://127.0.0.1:${String(port)}`),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
