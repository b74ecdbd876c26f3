import { describe, expect, it } from 'vitest';
import { RunningCalls } from '../../../src/mcp-cancellation.ts';

describe('running calls', () => {
  it('are cancelled by principal, session and id together', () => {
    const calls = new RunningCalls();
    using call = calls.start('ann', 's', 1);
    expect([calls.cancel('bob', 's', 1), calls.cancel('ann', 't', 1), calls.cancel('ann', 's', '1')]).toEqual([
      false,
      false,
      false,
    ]);
    expect(call.signal.aborted).toBe(false);
    expect(calls.cancel('ann', 's', 1)).toBe(true);
    expect(call.signal.aborted).toBe(true);
  });

  it('are forgotten when they have ended', () => {
    const calls = new RunningCalls();
    calls.start('ann', 's', 1)[Symbol.dispose]();
    expect(calls.cancel('ann', 's', 1)).toBe(false);
  });

  it('keep an id that is used again, when the earlier use ends', () => {
    const calls = new RunningCalls();
    const earlier = calls.start('ann', 's', 1);
    using later = calls.start('ann', 's', 1);
    earlier[Symbol.dispose]();
    expect(calls.cancel('ann', 's', 1)).toBe(true);
    expect(later.signal.aborted).toBe(true);
  });
});
