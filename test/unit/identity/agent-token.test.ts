import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentToken } from '../../../src/cli/agent-token.ts';
import type { Environment } from '../../../src/cli/agent-token.ts';
import { startIdentityProvider } from '../../../src/demo/identity-provider.ts';
import type { Agent, IdentityProvider } from '../../../src/demo/identity-provider.ts';
import { BROKER, HeldClock, door, trusted } from '../../support/identity-provider.ts';

let provider: IdentityProvider;
let agent: Agent;
let directory: string;
beforeAll(async () => {
  provider = await startIdentityProvider({ brokers: [BROKER] });
  agent = provider.agents.get('support-agent')!;
  directory = await mkdtemp(join(tmpdir(), 'agent-token-'));
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const token = (env: Environment, issuers = [trusted(provider)]): ReturnType<typeof agentToken> =>
  agentToken(env, issuers, new HeldClock());
const credentials = (): Environment => ({
  SALLYPORT_CLIENT_ID: agent.clientId,
  SALLYPORT_CLIENT_SECRET: agent.clientSecret,
});

describe('the token of an agent on stdio', () => {
  test('is what SALLYPORT_TOKEN says', async () => {
    expect(await token({ SALLYPORT_TOKEN: 'a.b.c', SALLYPORT_TOKEN_FILE: '' }).authorization()).toBe('Bearer a.b.c');
  });

  test('follows the file that SALLYPORT_TOKEN_FILE names', async () => {
    const path = join(directory, 'token');
    const source = token({ SALLYPORT_TOKEN_FILE: path });
    await expect(source.authorization()).rejects.toThrow(`SALLYPORT_TOKEN_FILE: ${path} cannot be read (ENOENT)`);
    await writeFile(path, 'a.b.c\n');
    expect(await source.authorization()).toBe('Bearer a.b.c');
    await writeFile(path, 'd.e.f\n');
    expect(await source.authorization()).toBe('Bearer d.e.f');
    await writeFile(path, '\n');
    await expect(source.authorization()).rejects.toThrow('is empty');
  });

  test('comes from the issuer for client credentials, and passes the same door as any other', async () => {
    const authorization = await token(credentials()).authorization();
    expect(await door(trusted(provider)).authenticate(authorization)).toMatchObject({
      principal: { subject: 'support-agent', groups: ['support'] },
    });
  });

  test('is asked for anew once it was refused', async () => {
    const source = token(credentials());
    const first = await source.authorization();
    expect(await source.authorization()).toBe(first);
    await source.refused();
    expect(await source.authorization()).not.toBe(first);
  });

  test('may be asked for in the provider’s own words', async () => {
    const env = { ...credentials(), SALLYPORT_TOKEN_PARAMETERS: `resource=${encodeURIComponent(`${BROKER}/api`)}` };
    const authorization = await token(env).authorization();
    const api = door(trusted(provider, { audience: `${BROKER}/api` }));
    expect(await api.authenticate(authorization)).toHaveProperty('principal');
  });

  test('that the issuer does not give is an error that names the issuer, and not the secret', async () => {
    const source = token({ ...credentials(), SALLYPORT_CLIENT_SECRET: 'not-the-secret' });
    const error: unknown = await source.authorization().catch((caught: unknown) => caught);
    expect(inspect(error)).toContain(provider.issuer);
    expect(inspect(error, { depth: 9 })).not.toContain('not-the-secret');
  });
});

describe('an environment that does not say where the token is', () => {
  const message = (env: Environment, issuers?: Parameters<typeof token>[1]): string => {
    try {
      token(env, issuers);
      return 'nothing';
    } catch (error) {
      return error instanceof Error && 'hint' in error ? `${error.message} ${String(error.hint)}` : String(error);
    }
  };

  test('is told what to set', () => {
    expect(message({})).toMatch(/Set SALLYPORT_TOKEN, or SALLYPORT_TOKEN_FILE .* SALLYPORT_CLIENT_ID and/);
    expect(message({ SALLYPORT_CLIENT_ID: 'a' })).toContain('SALLYPORT_CLIENT_SECRET is not set');
  });

  test('is told what to unset', () => {
    expect(message({ SALLYPORT_TOKEN: 'a', SALLYPORT_TOKEN_FILE: 'b' })).toContain(
      'SALLYPORT_TOKEN and SALLYPORT_TOKEN_FILE are set',
    );
  });

  test('is told whom it can ask', () => {
    const issuers = [trusted(provider), trusted({ issuer: 'https://other.example' })];
    expect(message(credentials(), issuers)).toContain(
      `Set SALLYPORT_TOKEN_ISSUER to one of ${provider.issuer}, https://other.example`,
    );
    expect(message({ ...credentials(), SALLYPORT_TOKEN_ISSUER: 'https://evil.example' }, issuers)).toContain(
      'no issuer that this broker trusts',
    );
    expect(message({ ...credentials(), SALLYPORT_TOKEN_ISSUER: provider.issuer }, issuers)).toBe('nothing');
  });

  test('is told how a client can show who it is', () => {
    expect(message({ ...credentials(), SALLYPORT_CLIENT_AUTHENTICATION: 'basic' })).toContain(
      'client_secret_basic or client_secret_post',
    );
  });
});
