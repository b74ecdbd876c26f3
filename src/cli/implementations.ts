// What policy files can name: every tool kind, credential provider and mask there is. Used by whatever reads them.
import { createHmac } from 'node:crypto';
import type { Keys } from '../core/keys.ts';
import { noCredential } from '../credential/no-credential.ts';
import { oauthClientCredentials } from '../credential/oauth-client-credentials.ts';
import { oauthTokenExchange } from '../credential/oauth-token-exchange.ts';
import { postgresRoleProvider } from '../credential/postgres-role-credential.ts';
import { staticProvider } from '../credential/static-credential.ts';
import { vaultProvider } from '../credential/vault-credential.ts';
import { maskCompiler } from '../masking/mask-compiler.ts';
import type { Implementations } from '../policy/compile-backends.ts';
import { toolKinds } from '../../tools/kinds.ts';

/** Every tool kind, credential provider and mask there is. Disposing of it closes what the providers hold open. */
export function implementations(keys: Pick<Keys, 'digest' | 'hashMask'>): Implementations & AsyncDisposable {
  const postgresRole = postgresRoleProvider(deploymentName(keys));
  return {
    kinds: toolKinds(),
    providers: [
      postgresRole,
      oauthClientCredentials(),
      oauthTokenExchange(),
      vaultProvider,
      staticProvider,
      noCredential,
    ],
    masks: maskCompiler({ hashKey: keys.hashMask.export() }),
    [Symbol.asyncDispose]: () => postgresRole[Symbol.asyncDispose](),
  };
}

/** The same for all brokers that share keys, and for no others: what is made at backends carries it in its name. */
function deploymentName(keys: Pick<Keys, 'digest'>): string {
  return createHmac('sha256', keys.digest).update('deployment').digest('hex').slice(0, 10);
}
