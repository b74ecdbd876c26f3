// What the commands about policy files share: which configuration stands beside them, and keys that open nothing.
import { createSecretKey, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import type { Config } from '../config.ts';
import type { Keys } from '../core/keys.ts';
import type { PolicySet } from '../core/policy.ts';
import { ConfigurationError } from '../core/problem.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import { implementations } from './implementations.ts';

const DEFAULT_FILE = 'sallyport.yaml';

/** The configuration that was named, or the usual one where there is one. */
export function configFile(named: string | undefined): string | undefined {
  return named ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined);
}

/** Where the configuration has its policy files, as the user would type it. */
export function policiesBeside(config: Config | undefined): string {
  return config === undefined ? 'policies' : relative(process.cwd(), config.policiesDirectory) || '.';
}

/** For commands that mask nothing and lease nothing: a deployment's own keys are none of their business. */
export function throwawayKeys(): Pick<Keys, 'digest' | 'hashMask'> {
  return { digest: createSecretKey(randomBytes(32)), hashMask: createSecretKey(randomBytes(32)) };
}

/** For deciding alone: what a reference stands for may be unset. Throws ConfigurationError with every error. */
export async function readPolicies(directory: string, issuers: Config['issuers'] | undefined): Promise<PolicySet> {
  await using parts = implementations(throwawayKeys());
  const { policies, problems } = await loadPolicies(directory, {
    ...{ kinds: parts.kinds, providers: parts.providers, masks: parts.masks },
    env: process.env,
    unset: 'warning',
    ...(issuers && { issuers }),
  });
  if (policies === undefined) throw new ConfigurationError(problems);
  return policies;
}
