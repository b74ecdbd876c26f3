// The carrier of the demo's shop: a real HTTP service that takes tokens of the demo's provider, made for it alone.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, jwtVerify } from 'jose';

export interface Carrier extends AsyncDisposable {
  /** Its origin: what a token must be for. */
  readonly url: string;
  /** The requests that it answered, with whom each was made for, and who acted. */
  readonly answered: readonly { readonly path: string; readonly subject: string; readonly actor: string | undefined }[];
  /** A value that no agent may see. */
  readonly secret: string;
}

const PHONE = '+44 20 7946 0999';

/** @param issuer its tokens are taken; it must be there when the first request comes */
export async function startCarrier(issuer: string): Promise<Carrier> {
  const answered: { path: string; subject: string; actor: string | undefined }[] = [];
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const verified = await jwtVerify<{ sub: string; act?: { sub: string } }>(token, keys, {
      ...{ issuer, audience: url, typ: 'at+jwt' },
      requiredClaims: ['sub', 'exp'],
    }).catch(() => undefined);
    const path = request.url ?? '';
    const [, order] = /^\/v1\/orders\/(\d+)\/shipments$/.exec(path) ?? [];
    if (verified === undefined) send(response, 401, { error: 'a token of the shop is needed' });
    else if (request.method !== 'GET' || order === undefined) send(response, 404, { error: 'there is nothing here' });
    else {
      answered.push({ path, subject: verified.payload.sub, actor: verified.payload.act?.sub });
      const recipient = { name: 'Ada', phone: PHONE };
      send(response, 200, { shipments: [{ number: `P-${order}-1`, state: 'lost', recipient }] });
    }
  };
  server.on('request', (request, response) => void answer(request, response));
  return {
    url,
    answered,
    secret: PHONE,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
