import { describe, expect, it } from 'vitest';
import type { Cancellations } from '../../../src/core/cancellations.ts';
import { RunningCalls } from '../../../src/mcp-cancellation.ts';

/** Keeps what is told for a test to look at, and for the next that listens. */
class Told implements Cancellations {
  readonly calls: string[] = [];

  async tell(_principalKey: string, call: string): Promise<void> {
    this.calls.push(call);
  }

  hear(call: string, cancelled: () => void): Disposable {
    if (this.calls.includes(call)) cancelled();
    return { [Symbol.dispose]: () => undefined };
  }
}

describe('running calls', () => {
  it('are cancelled by principal, session and id together', async () => {
    const calls = new RunningCalls();
    using call = calls.start('ann', 's', 1);
    await calls.cancel('bob', 's', 1);
    await calls.cancel('ann', 't', 1);
    await calls.cancel('ann', 's', '1');
    expect(call.signal.aborted).toBe(false);
    await calls.cancel('ann', 's', 1);
    expect(call.signal.aborted).toBe(true);
  });

  it('are left to the other brokers when they are not here, and to nobody else when they are', async () => {
    const told = new Told();
    const [here, there] = [new RunningCalls(told), new RunningCalls(told)];
    using call = here.start('ann', 's', 1);
    await here.cancel('ann', 's', 1);
    expect(call.signal.aborted).toBe(true);
    expect(told.calls).toEqual([]);
    await here.cancel('ann', 's', 2);
    using other = there.start('ann', 's', '2');
    expect(other.signal.aborted).toBe(false);
    using same = there.start('ann', 's', 2);
    expect(same.signal.aborted).toBe(true);
  });

  it('are forgotten when they have ended', async () => {
    const told = new Told();
    const calls = new RunningCalls(told);
    calls.start('ann', 's', 1)[Symbol.dispose]();
    await calls.cancel('ann', 's', 1);
    expect(told.calls).toHaveLength(1);
  });

  it('keep an id that is used again, when the earlier use ends', async () => {
    const calls = new RunningCalls();
    const earlier = calls.start('ann', 's', 1);
    using later = calls.start('ann', 's', 1);
    earlier[Symbol.dispose]();
    await calls.cancel('ann', 's', 1);
    expect(later.signal.aborted).toBe(true);
  });
});
