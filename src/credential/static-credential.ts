// The credential provider `static`: a secret that was made elsewhere, and outlives every lease of it.
import { z } from 'zod';
import type { CredentialProvider } from '../core/credential.ts';
import { Secret } from '../core/secret.ts';

const secret = z
  .string()
  .min(1)
  .meta({ examples: ['secret'] })
  .transform((value) => new Secret(value))
  .optional();

const options = z
  .strictObject({
    token: secret.describe('A reference to a bearer token or API key.'),
    user: z
      .string()
      .min(1)
      .optional()
      .describe('The name to sign in with.')
      .meta({ examples: ['user'] }),
    password: secret.describe('A reference to the password of `user`.'),
  })
  .refine(isTokenOrLogin, 'expected `token`, or `user` and `password`');

export const staticProvider: CredentialProvider<z.output<typeof options>> = {
  kind: 'static',
  options,
  secrets: ['token', 'password'],

  inspect(_, report) {
    report.warning(
      { path: ['kind'] },
      'this credential is not made just in time: every lease hands out the same secret, which stays valid after it',
      'use a provider that makes one for each lease, where the backend allows it',
    );
  },

  reference: () => 'static',
  issue: ({ token, user, password }) =>
    Promise.resolve({
      fields: {
        ...(token === undefined ? {} : { token }),
        ...(user === undefined || password === undefined ? {} : { user, password }),
      },
    }),
  revoke: () => Promise.resolve(),
  examine: () => Promise.resolve(),
};

function isTokenOrLogin({ token, user, password }: { token?: unknown; user?: unknown; password?: unknown }): boolean {
  const login = user !== undefined && password !== undefined;
  return token === undefined ? login : user === undefined && password === undefined;
}
