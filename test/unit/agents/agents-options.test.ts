import { describe, expect, test } from 'vitest';
import { checkOptions } from '../../../src/agents-options.ts';
import type { SallyportOptions } from '../../../src/agents-options.ts';

const good = {
  url: 'https://tools.example.com/mcp',
  issuer: 'https://id.example.com',
  clientId: 'support-agent',
  clientSecret: 's3cret-value',
};

/** Options as JavaScript gives them: of any shape. */
function check(options: unknown): ReturnType<typeof checkOptions> {
  return checkOptions(options as SallyportOptions);
}

describe('options that are right', () => {
  test('ask for a token whose audience is the broker', () => {
    const { tokens, timeoutMs } = check(good);
    expect(tokens).toMatchObject({
      server: { issuer: new URL('https://id.example.com') },
      parameters: { resource: 'https://tools.example.com/mcp' },
      clientAuthentication: 'client_secret_basic',
    });
    expect(timeoutMs).toBeGreaterThan(15 * 60_000);
  });

  test('may name the token endpoint and its parameters instead', () => {
    const { issuer: _, ...rest } = good;
    const tokenUrl = 'https://id.example.com/token';
    expect(check({ ...rest, tokenUrl, tokenParameters: { audience: 'tools' } }).tokens).toMatchObject({
      server: { tokenUrl: new URL(tokenUrl) },
      parameters: { audience: 'tools' },
    });
  });

  test('may bring a token of their own', () => {
    const token = (): Promise<string> => Promise.resolve('t');
    expect(check({ url: good.url, token }).tokens).toBe(token);
  });

  test.each(['http://127.0.0.1:8931/mcp', 'http://localhost:8931/mcp', 'http://[::1]:8931/mcp'])(
    'may use plain http on this machine: %s',
    (url) => {
      expect(check({ ...good, url }).url).toBe(url);
    },
  );

  test('may use plain http elsewhere when that is said', () => {
    const url = 'http://sallyport.internal/mcp';
    expect(check({ ...good, url, allowInsecureHttp: true }).url).toBe(url);
  });
});

describe('options that are wrong', () => {
  test.each<[string, unknown, RegExp]>([
    ['no options', undefined, /expected an object/],
    ['no url', { ...good, url: undefined }, /url is missing/],
    ['a url without scheme', { ...good, url: 'tools.example.com' }, /url must be an address such as https:/],
    ['a url with a password', { ...good, url: 'https://a:b@tools.example.com/mcp' }, /url must have no user name/],
    ['a url with a query', { ...good, url: 'https://tools.example.com/mcp?key=1' }, /url must have no .*query/],
    ['plain http elsewhere', { ...good, url: 'http://tools.example.com/mcp' }, /url must be https/],
    ['a host that only starts like loopback', { ...good, url: 'http://127.0.0.1.example.com/' }, /url must be https/],
    ['a plain http issuer', { ...good, issuer: 'http://id.example.com' }, /issuer must be https/],
    ['no issuer', { ...good, issuer: undefined }, /issuer or tokenUrl must be given/],
    [
      'issuer and tokenUrl',
      { ...good, tokenUrl: 'https://id.example.com/t' },
      /issuer or tokenUrl must be given, and not both/,
    ],
    ['no client secret', { ...good, clientSecret: undefined }, /clientSecret is missing/],
    ['an empty client id', { ...good, clientId: '' }, /clientId must not be empty/],
    [
      'another way of authentication',
      { ...good, clientAuthentication: 'none' },
      /clientAuthentication must be client_secret_/,
    ],
    ['a token that is no function', { url: good.url, token: 'eyJ' }, /token must be a function/],
    [
      'a token beside a client',
      { ...good, token: () => Promise.resolve('t') },
      /unknown options issuer, clientId, clientSecret/,
    ],
    ['a misspelt option', { ...good, sesion: 'a' }, /unknown option sesion/],
    ['an empty session', { ...good, session: '' }, /session must be a string of 1 to 128/],
    [
      'a session that the broker refuses',
      { ...good, session: 's'.repeat(129) },
      /session must be a string of 1 to 128/,
    ],
    ['a timeout of no time', { ...good, timeoutMs: 0 }, /timeoutMs must be more than 0/],
    ['a timeout that would fire at once', { ...good, timeoutMs: 2 ** 31 }, /timeoutMs must be less than 25 days/],
  ])('%s', (_, options, expected) => {
    expect(() => check(options)).toThrow(expected);
  });

  test('are all named at once, without their values', () => {
    const wrong = { url: 'nowhere', clientId: 7, clientSecret: 's3cret-value', extra: true };
    expect(() => check(wrong)).toThrow(TypeError);
    expect(() => check(wrong)).toThrow(/url .*; clientId .*unknown option extra/);
    expect(() => check(wrong)).not.toThrow(/s3cret/);
  });
});
