import { describe, expect, test } from 'vitest';
import type { AuthFailureReason } from '../../../src/identity/authenticate.ts';
import { challenge } from '../../../src/identity/challenge.ts';
import { protectedResourceMetadata, protectedResourceMetadataUrl } from '../../../src/identity/protected-resource.ts';

const metadataUrl = 'https://broker.example/.well-known/oauth-protected-resource/mcp';

describe('a challenge', () => {
  test('to a request without a token says where to get one, and no error', () => {
    expect(challenge({ failure: 'missing' }, metadataUrl)).toMatchObject({
      status: 401,
      wwwAuthenticate: `Bearer resource_metadata="${metadataUrl}"`,
    });
  });

  test('is the same for every token that does not hold', () => {
    const reasons: AuthFailureReason[] = [
      ...(['malformed', 'wrong_issuer', 'bad_algorithm', 'unknown_key', 'bad_signature', 'wrong_audience'] as const),
      ...(['expired', 'not_yet_valid', 'not_an_access_token', 'invalid_claims'] as const),
    ];
    const answers = reasons.map((failure) => JSON.stringify(challenge({ failure, detail: 'a fact' }, metadataUrl)));
    expect(new Set(answers).size).toBe(1);
    expect(JSON.parse(answers[0]!)).toMatchObject({
      status: 401,
      wwwAuthenticate: expect.stringMatching(
        /^Bearer error="invalid_token", error_description="[^"]+", resource_metadata="/,
      ),
      body: { error: 'invalid_token' },
    });
    expect(answers[0]).not.toContain('a fact');
  });

  test('names the scopes that are needed', () => {
    expect(challenge({ failure: 'insufficient_scope' }, metadataUrl, ['tools', 'more'])).toMatchObject({
      status: 403,
      wwwAuthenticate: expect.stringMatching(
        /^Bearer error="insufficient_scope", .*scope="tools more", resource_metadata="/,
      ),
      body: { error: 'insufficient_scope' },
    });
    expect(challenge({ failure: 'missing' }, metadataUrl, ['tools']).wwwAuthenticate).toContain('scope="tools"');
  });

  test('is none while tokens cannot be checked: another token would not help', () => {
    expect(challenge({ failure: 'keys_unavailable' }, metadataUrl)).toMatchObject({
      status: 503,
      wwwAuthenticate: undefined,
      retryAfterS: 10,
    });
  });
});

describe('protected resource metadata', () => {
  test('names the resource, whom to ask for tokens, and how to send them', () => {
    expect(
      protectedResourceMetadata('https://broker.example/mcp', [
        { issuer: 'https://a.example' },
        { issuer: 'https://b.example' },
      ]),
    ).toEqual({
      resource: 'https://broker.example/mcp',
      resource_name: 'Sallyport',
      authorization_servers: ['https://a.example', 'https://b.example'],
      bearer_methods_supported: ['header'],
    });
  });

  test('lists scopes where some are needed', () => {
    const issuers = [
      { issuer: 'https://a.example', requiredScopes: ['tools'] },
      { issuer: 'https://b.example', requiredScopes: ['tools', 'b'] },
    ];
    expect(protectedResourceMetadata('https://broker.example/mcp', issuers)).toMatchObject({
      scopes_supported: ['tools', 'b'],
    });
  });

  test('stands before the path of its resource', () => {
    expect(protectedResourceMetadataUrl('https://broker.example/mcp')).toBe(metadataUrl);
    expect(protectedResourceMetadataUrl('https://broker.example')).toBe(
      'https://broker.example/.well-known/oauth-protected-resource',
    );
  });
});
