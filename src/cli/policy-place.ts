// What the commands about policy files share: which configuration stands beside them, and keys that open nothing.
import { createSecretKey, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import type { Config } from '../config.ts';
import type { Keys } from '../core/keys.ts';

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
