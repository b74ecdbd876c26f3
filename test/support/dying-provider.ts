// A provider that dies, and its process with it, at a chosen step of a lease.
import type { CredentialProvider, LeaseRequest } from '../../src/core/credential.ts';

export const STEPS = ['recorded', 'named', 'made', 'used', 'ending', 'half ended', 'ended'] as const;
export type Step = (typeof STEPS)[number];

/** SIGKILL, as from outside: nothing of the process runs after it. */
export function dieAt(step: Step, at: Step): void {
  if (step === at) process.kill(process.pid, 'SIGKILL');
}

export function dyingProvider(provider: CredentialProvider, at: Step): CredentialProvider {
  const ending = async (end: () => Promise<unknown>): Promise<void> => {
    dieAt('ending', at);
    const ended = end();
    // It is under way, and what it has asked for so far is done by others.
    setTimeout(() => dieAt('half ended', at), 3);
    await ended;
    dieAt('ended', at);
  };
  return {
    ...provider,
    async issue(options, lease, reference, signal) {
      dieAt('recorded', at);
      const named: LeaseRequest['named'] = async (name, endsAt) => {
        await lease.named(name, endsAt);
        dieAt('named', at);
      };
      const made = await provider.issue(options, { ...lease, named }, reference, signal);
      dieAt('made', at);
      const { revoke } = made;
      if (revoke === undefined) return made;
      return { ...made, revoke: async () => (await ending(revoke), true) };
    },
    async revoke(options, reference) {
      await ending(async () => provider.revoke?.(options, reference));
    },
  };
}
