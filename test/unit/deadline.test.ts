import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { firstOf } from '../../src/core/deadline.ts';

describe('the first of several signals', () => {
  it('is aborted with the reason of whichever comes first', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    using first = firstOf([one.signal, undefined, other.signal]);
    expect(first.signal.aborted).toBe(false);
    other.abort('other');
    one.abort('one');
    expect(first.signal.reason).toBe('other');
  });

  it('is aborted from the start where one of them is', () => {
    using first = firstOf([new AbortController().signal, AbortSignal.abort('before')], 60_000);
    expect(first.signal.reason).toBe('before');
  });

  it('is aborted with a TimeoutError when the time is up', async () => {
    using first = firstOf([new AbortController().signal], 5);
    await expect.poll(() => first.signal.aborted).toBe(true);
    expect(first.signal.reason).toMatchObject({ name: 'TimeoutError' });
    expect(first.signal.reason).toBeInstanceOf(DOMException);
  });

  it('leaves nothing behind on the signals it was made of, and is not aborted any more', () => {
    const lasting = new AbortController();
    {
      using first = firstOf([lasting.signal], 60_000);
      expect(getEventListeners(lasting.signal, 'abort')).toHaveLength(1);
      expect(first.signal.aborted).toBe(false);
    }
    expect(getEventListeners(lasting.signal, 'abort')).toHaveLength(0);
  });
});
