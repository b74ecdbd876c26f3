// The credential provider `none`: a lease without a secret, for backends that ask for none. What lives on it (pools,
// child processes) still has an owner and an end.
import { z } from 'zod';
import type { CredentialProvider } from '../core/credential.ts';

export const noCredential: CredentialProvider = {
  kind: 'none',
  options: z.strictObject({}),
  reference: () => 'none',
  issue: () => Promise.resolve({ fields: {} }),
  revoke: () => Promise.resolve(),
  examine: () => Promise.resolve(),
};
