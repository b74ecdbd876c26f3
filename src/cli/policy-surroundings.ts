// What the configuration tells of what policies may speak of. Used wherever both are at hand.
import type { Config } from '../config.ts';
import type { LoadOptions } from '../policy/load-policies.ts';

export function knownFrom({ issuers, slack, people }: Config): Pick<LoadOptions, 'issuers' | 'channels' | 'people'> {
  return { issuers, channels: slack === undefined ? [] : ['slack'], people: people !== undefined };
}
