// What a call over HTTP cannot be made to do, each with a real server on the other side.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import type { Resolve } from '../../../tools/http/addresses.ts';
import type { CompiledTool } from '../../../tools/tool-kind.ts';
import {
  compileHttp,
  httpLease,
  httpTool,
  json,
  serveHttp,
  type HttpLease,
  type HttpServer,
  type Received,
} from '../../support/http-backend.ts';

let server: HttpServer;
let answer: (request: Received, response: ServerResponse) => void;
let lease: HttpLease;

beforeEach(async () => {
  answer = (_, response) => {
    json(response, { ok: true });
  };
  server = await serveHttp((request, response) => {
    answer(request, response);
  });
  lease = httpLease({ token: new Secret('top-secret-token') });
});
afterEach(async () => {
  await lease[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const tool = (written: string, resolve?: Resolve): CompiledTool => httpTool(server.origin, written, resolve);
const get = (path: string): CompiledTool => tool(`{ method: GET, path: ${path} }`);
const ITEM = '{ method: GET, path: "/items/{id}", input: { id: { type: string } } }';
const rejected = { name: 'BackendError', code: 'backend_rejected' };

describe('a value in a path', () => {
  it.each(
    [
      ['..', '../admin', '..%2fadmin', '%2e%2e%2f', '%2E%2E%2Fadmin', '%252e%252e%252fadmin', 'a/../../admin'],
      ['.', './', 'a/./b', '..\\admin', '..;/admin', 'a/..;x=1/b', '%25252525252525252e.', ''],
    ].flat(),
  )('cannot climb: %j', async (id) => {
    await expect(lease.call(tool(ITEM), { id })).rejects.toMatchObject(rejected);
    expect(server.received).toEqual([]);
  });

  it('cannot climb together with what stands beside it', async () => {
    const pair = '{ method: GET, path: "/items/{a}{b}/x", input: { a: { type: string }, b: { type: string } } }';
    await expect(lease.call(tool(pair), { a: '.', b: '.' })).rejects.toMatchObject(rejected);
    const dot = '{ method: GET, path: "/items/.{a}", input: { a: { type: string } } }';
    await expect(lease.call(tool(dot), { a: '.' })).rejects.toMatchObject(rejected);
    expect(server.received).toEqual([]);
  });

  it.each(['group/project', 'a?b=c', 'a#b', 'a b', '%', 'é🎉', 'a;b', 'x..y', '...'])(
    'stays within its part: %j',
    async (id) => {
      await lease.call(tool(ITEM), { id });
      expect(server.received[0]?.url).toMatch(/^\/base\/items\/[^/?#]+$/);
      expect(decodeURIComponent(server.received[0]?.url.slice('/base/items/'.length) ?? '')).toBe(id);
    },
  );
});

describe('a value in a query', () => {
  const search = '{ method: GET, path: /items, query: { q: "{q}", fixed: "1" }, input: { q: { type: string } } }';

  it('cannot add a parameter, nor give one twice, whatever it is', async () => {
    const searching = tool(search);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a&fixed=2', 'a#b', '%26x=1', '+')),
        async (q) => {
          server.received.length = 0;
          await lease.call(searching, { q });
          const { searchParams, pathname } = new URL(server.received[0]?.url ?? '', 'http://here');
          expect(pathname).toBe('/base/items');
          expect([...searchParams]).toEqual([
            ['q', q],
            ['fixed', '1'],
          ]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('cannot stand in the path of a declaration: a query there could name a parameter twice', () => {
    const { success, error } = outcomeOf(() =>
      compileHttp('{ url: "https://api.example" }', '{ method: GET, path: "/a?q=1" }'),
    );
    expect(success).toBe(false);
    expect(String(error)).toContain('put parameters under `query`');
  });
});

function outcomeOf(run: () => unknown): { readonly success: boolean; readonly error?: unknown } {
  try {
    run();
    return { success: true };
  } catch (error) {
    return { success: false, error };
  }
}

describe('a value in a header', () => {
  const traced = '{ method: GET, path: /a, headers: { X-Trace: "t-{t}" }, input: { t: { type: string } } }';

  it.each(['a\r\nX-Admin: 1', 'a\nb', 'a\rb', 'a\0b', 'a\u{2028}b', 'ā'])('cannot split it: %j', async (t) => {
    await expect(lease.call(tool(traced), { t })).rejects.toMatchObject(rejected);
    expect(server.received).toEqual([]);
  });

  it('is one line of it', async () => {
    await lease.call(tool(traced), { t: 'a: b, c' });
    expect(server.received[0]?.headers['x-trace']).toBe('t-a: b, c');
  });
});

describe('a redirect', () => {
  const redirect = (location: string, status = 302): void => {
    answer = ({ url }, response) => {
      if (url === '/base/there') json(response, { there: true });
      else response.writeHead(status, { location }).end();
    };
  };

  it('is followed within the origin', async () => {
    redirect('/base/there');
    expect(await lease.call(get('/here'))).toEqual({ structured: { there: true } });
  });

  it.each([
    ['metadata', 'http://169.254.169.254/latest/meta-data'],
    ['a name in front of another host', 'http://127.0.0.1@169.254.169.254/'],
    ['another port', 'http://127.0.0.1:1/'],
    ['another scheme', 'https://127.0.0.1/'],
    ['a decimal address', 'http://2130706433/'],
    ['an octal address', 'http://0177.0.0.1/'],
    ['a hexadecimal address', 'http://0x7f.0.0.1/'],
    ['an address mapped to IPv6', 'http://[::ffff:127.0.0.1]/'],
    ['another host, scheme left out', '//evil.example/'],
    ['a file', 'file:///etc/passwd'],
  ])('to %s is not followed', async (_, location) => {
    redirect(location);
    const error = await lease.call(get('/here')).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'backend_failed',
      detail: expect.stringContaining('leaves the origin') as string,
    });
    expect(server.received).toHaveLength(1);
  });

  it('to the origin with a login in it is not followed', async () => {
    redirect(server.origin.replace('//', '//user:password@') + '/base/there');
    await expect(lease.call(get('/here'))).rejects.toMatchObject({
      detail: expect.stringContaining('carries a login') as string,
    });
  });

  it('to another server takes no credential there', async () => {
    await using other = await serveHttp((_, response) => {
      json(response, { other: true });
    });
    redirect(`${other.origin}/base/there`);
    await expect(lease.call(get('/here'))).rejects.toMatchObject({ code: 'backend_failed' });
    expect(other.received).toEqual([]);
  });

  it('that goes round and round is given up', async () => {
    redirect('/base/here');
    await expect(lease.call(get('/here'))).rejects.toMatchObject({
      detail: expect.stringContaining('too many') as string,
    });
    expect(server.received).toHaveLength(6);
  });

  it.each([302, 303, 307, 308])(
    '%i in answer to a POST sends it to nobody, and its outcome is unknown',
    async (status) => {
      redirect('/base/there', status);
      await expect(lease.call(tool('{ method: POST, path: /here }'))).rejects.toMatchObject({
        code: 'outcome_unknown',
      });
      expect(server.received).toHaveLength(1);
    },
  );
});

/** A name server of its own mind: every name is at `addresses`, whatever they were the last time. */
class NameServer {
  addresses: readonly string[];
  asked = 0;

  constructor(...addresses: string[]) {
    this.addresses = addresses;
  }

  readonly resolve: Resolve = (_hostname, _options, done) => {
    this.asked++;
    const found = this.addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    done(null, found);
  };
}

describe('an address', () => {
  const named = (names: NameServer, privateAddresses = '[127.0.0.1]'): CompiledTool => {
    const backend = `{ url: "http://api.example:${String(server.port)}/base", privateAddresses: ${privateAddresses} }`;
    const [made] = compileHttp(backend, '{ method: GET, path: /a }', { resolve: names.resolve }).tools;
    if (made === undefined) throw new Error('no tool');
    return made;
  };

  it.each([
    '127.0.0.1',
    '::ffff:127.0.0.1',
    '::1',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '::7f00:1',
    '2002:7f00:1::',
    '168.63.129.16',
    '::ffff:169.254.169.254',
  ])('that a name resolves to, and that is not public, is refused: %s', async (address) => {
    const call = lease.call(named(new NameServer(address), '[203.0.113.7]'));
    await expect(call).rejects.toMatchObject({
      code: 'backend_unavailable',
      detail: expect.stringContaining('is no public address') as string,
      words: undefined,
    });
    expect(server.received).toEqual([]);
  });

  it('that is declared is reached, also as what it is mapped to', async () => {
    expect(await lease.call(named(new NameServer('127.0.0.1')))).toEqual({ structured: { ok: true } });
  });

  it('among others of a name that is not declared makes the whole answer count for nothing', async () => {
    await expect(lease.call(named(new NameServer('127.0.0.1', '10.0.0.1')))).rejects.toMatchObject({
      code: 'backend_unavailable',
    });
    expect(server.received).toEqual([]);
  });

  it('is looked up once for a connection, so that a name cannot turn to another between check and use', async () => {
    const names = new NameServer('127.0.0.1');
    const turning = named(names);
    for (let call = 0; call < 5; call++) expect(await lease.call(turning)).toEqual({ structured: { ok: true } });
    expect(names.asked).toBe(server.connections());
    // What is connected stays with the address that was checked; what connects anew finds the name turned, and goes nowhere.
    names.addresses = ['169.254.169.254'];
    expect(await lease.call(turning)).toEqual({ structured: { ok: true } });
    server.cutConnections();
    await expect(lease.call(turning)).rejects.toMatchObject({ code: 'backend_unavailable' });
    await expect(lease.call(turning)).rejects.toMatchObject({
      detail: expect.stringContaining('169.254.169.254') as string,
    });
    expect(server.received).toHaveLength(6);
  });

  it.each([
    ['https://2130706433/', 'unusual notation'],
    ['https://0177.0.0.1/', 'unusual notation'],
    ['https://0x7f000001/', 'unusual notation'],
    ['https://127.1/', 'unusual notation'],
    ['https://[::ffff:127.0.0.1]/', 'unusual notation'],
    ['https://[0:0::1]/', 'unusual notation'],
    ['https://api.example@127.0.0.1/', 'carries a login'],
    ['https://user:secret@api.example/', 'carries a login'],
    ['ftp://api.example/', 'expected https://HOST'],
    ['https://api.example/?q=1', 'expected https://HOST'],
    ['https://api.example/a%2f..', 'expected https://HOST'],
  ])('of a backend cannot be written as %s', (url, problem) => {
    const { error } = outcomeOf(() => compileHttp(`{ url: "${url}" }`, '{ method: GET, path: / }'));
    expect(String(error)).toContain(problem);
    expect(String(error)).not.toContain('secret');
  });

  it.each(['https://127.0.0.1', 'https://169.254.169.254', 'https://[::1]', 'https://10.1.1.1'])(
    'that is private must be declared: %s',
    (url) => {
      const { problems } = compileHttp(`{ url: "${url}" }`, '{ method: GET, path: / }');
      expect(problems).toEqual([expect.stringContaining('is no public address')]);
    },
  );

  it('that is private is not called where it is not declared, whatever check was told', async () => {
    const [undeclared] = compileHttp(`{ url: "${server.origin}" }`, '{ method: GET, path: / }').tools;
    if (undeclared === undefined) throw new Error('no tool');
    await expect(lease.call(undeclared)).rejects.toMatchObject({ code: 'backend_unavailable' });
    expect(server.received).toEqual([]);
  });
});

describe('an answer', () => {
  const small = (): CompiledTool => tool('{ method: GET, path: /a, limits: { bytes: 10000 } }');
  const send = (type: string, body: string | Buffer, more: Record<string, string> = {}): void => {
    answer = (_, response) => response.writeHead(200, { 'content-type': type, ...more }).end(body);
  };

  it.each([
    ['gzip', gzipSync(Buffer.alloc(50_000_000))],
    ['br', brotliCompressSync(Buffer.alloc(50_000_000))],
  ])('that is a bomb (%s) is not unpacked', async (encoding, bomb) => {
    send('application/json', bomb, { 'content-encoding': encoding });
    const before = process.memoryUsage().arrayBuffers;
    await expect(lease.call(small())).rejects.toMatchObject({
      code: 'backend_failed',
      words: expect.stringContaining('larger than') as string,
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  it('that is compressed is unpacked', async () => {
    send('application/json', gzipSync('{"a":1}'), { 'content-encoding': 'gzip' });
    expect(await lease.call(small())).toEqual({ structured: { a: 1 } });
  });

  it('that has no end is cut, and its connection closed', async () => {
    const closed = new Promise<void>((resolve) => {
      answer = (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        const sending = setInterval(() => response.write('x'.repeat(1_000)), 1);
        response.on('close', () => {
          clearInterval(sending);
          resolve();
        });
      };
    });
    await expect(lease.call(small())).rejects.toMatchObject({
      code: 'backend_failed',
      words: expect.stringContaining('larger than') as string,
    });
    await closed;
  });

  it('that trickles is cut at the deadline', async () => {
    const trickle = (begin: (response: ServerResponse) => void) => (_: Received, response: ServerResponse) => {
      begin(response);
      const sending = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(sending);
      });
    };
    answer = trickle((response) => response.writeHead(200, { 'content-type': 'application/json' }));
    await expect(lease.call(small(), {}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  it('whose headers trickle is cut at the deadline', async () => {
    answer = (_, response) => {
      response.socket?.write('HTTP/1.1 200 OK\r\n');
      const sending = setInterval(() => response.socket?.write('X-A: b\r\n'), 20);
      response.socket?.on('close', () => {
        clearInterval(sending);
      });
    };
    await expect(lease.call(small(), {}, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  it('with endless headers is refused', async () => {
    answer = (_, response) => {
      response.socket?.on('error', () => undefined);
      response.socket?.write(`HTTP/1.1 200 OK\r\nX-A: ${'b'.repeat(100_000)}\r\n\r\n`);
    };
    await expect(lease.call(small())).rejects.toMatchObject({ code: 'backend_unavailable' });
  });

  it.each([
    ['image/png', Buffer.from([137, 80, 78, 71]), 'neither JSON nor text'],
    ['application/octet-stream', Buffer.from('{"a":1}'), 'neither JSON nor text'],
    ['multipart/form-data; boundary=x', Buffer.from('--x'), 'neither JSON nor text'],
    ['application/json', Buffer.from('{"a":'), 'could not be read'],
    ['application/json', Buffer.from([0x22, 0xff, 0x22]), 'could not be read'],
    ['text/plain; charset=nonsense', Buffer.from('a'), 'could not be read'],
  ])('of type %s that cannot be shown is refused: %j', async (type, body, words) => {
    send(type, body);
    await expect(lease.call(small())).rejects.toMatchObject({
      code: 'backend_failed',
      words: expect.stringContaining(words) as string,
    });
  });

  it('that says it is compressed, and is not, is refused', async () => {
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip']) {
      send('application/json', '{"a":1}', { 'content-encoding': encoding });
      await expect(lease.call(small())).rejects.toMatchObject({ code: 'backend_failed' });
    }
  });

  it('that is shorter than it says is not taken for whole', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' });
      response.write('half');
      setTimeout(() => response.socket?.destroy(), 20);
    };
    await expect(lease.call(small())).rejects.toMatchObject({ code: 'backend_unavailable' });
  });

  it('to a change that cannot be shown does not look like a failure of it', async () => {
    const change = tool('{ method: POST, path: /a, limits: { bytes: 1024 } }');
    send('image/png', 'x');
    expect(await lease.call(change)).toEqual({
      structured: { body: null, omitted: expect.stringContaining('The call was made.') as string },
    });
    send('text/plain', 'x'.repeat(100_000));
    expect(await lease.call(change)).toMatchObject({
      structured: { omitted: expect.stringContaining('larger') as string },
    });
  });

  it('tells nothing of the credential, nor of what it says itself, when it is a failure', async () => {
    answer = ({ headers }, response) => {
      json(response, { echoed: headers }, 500);
    };
    const error = (await lease.call(small()).catch((reason: unknown) => reason)) as Error & { detail: string };
    expect(JSON.stringify([error, error.message, error.detail, error.stack])).not.toContain('top-secret');
  });

  it('from a server that hangs up is no answer, and the next call gets a new connection', async () => {
    answer = (_, response) => response.socket?.destroy();
    await expect(lease.call(small())).rejects.toMatchObject({ code: 'backend_unavailable' });
    await expect(lease.call(tool('{ method: POST, path: /a }'))).rejects.toMatchObject({ code: 'outcome_unknown' });
    send('text/plain', 'again');
    expect(await lease.call(small())).toEqual({ structured: { body: 'again' } });
  });
});

it('a call ends with its lease, and so do its connections', async () => {
  const closed = new Promise((resolve) => {
    answer = (_, response) => {
      void once(response, 'close').then(resolve);
    };
  });
  const call = lease.call(get('/hangs'));
  setTimeout(() => void lease[Symbol.asyncDispose](), 100);
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  await closed;
  await expect(lease.call(get('/a'))).rejects.toMatchObject({ code: 'cancelled' });
});
