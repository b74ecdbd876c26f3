import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NewEntry } from '../../../src/core/entry.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { countAuthFailures } from '../../../src/identity/auth-failures.ts';
import type { AuthFailures } from '../../../src/identity/auth-failures.ts';
import { HeldClock, RecordingLogger } from '../../support/identity-provider.ts';

/** Stands for the log: keeps what is appended, and is full when told to be. */
class Entries {
  readonly written: NewEntry[] = [];
  full = false;
  append = async (entries: readonly NewEntry[]): Promise<readonly number[]> => {
    if (this.full) throw new StoreError('the disk is full');
    return entries.map((entry) => this.written.push(entry));
  };
}

describe('requests without a principal', () => {
  let entries: Entries;
  let clock: HeldClock;
  let logger: RecordingLogger;
  let failures: AuthFailures;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    entries = new Entries();
    clock = new HeldClock();
    logger = new RecordingLogger();
    failures = countAuthFailures({ append: entries.append, clock, logger });
  });
  afterEach(async () => {
    await failures[Symbol.asyncDispose]();
    vi.useRealTimers();
  });

  test('become one entry a minute, by reason', async () => {
    const from = new Date(clock.now()).toISOString();
    for (let i = 0; i < 1000; i++) failures.count({ failure: 'expired' });
    clock.pass(500);
    failures.count({ failure: 'missing' });
    clock.pass(59_500);
    await vi.advanceTimersByTimeAsync(60_000);
    const to = new Date(clock.now()).toISOString();
    expect(entries.written).toEqual([
      { body: { type: 'auth.failures', count: 1001, reasons: { expired: 1000, missing: 1 }, from, to } },
    ]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(entries.written).toHaveLength(1);
  });

  test('are written at the end, too', async () => {
    failures.count({ failure: 'bad_signature' });
    await failures[Symbol.asyncDispose]();
    expect(entries.written).toMatchObject([{ body: { count: 1, reasons: { bad_signature: 1 } } }]);
  });

  test('are not lost while the log cannot be written', async () => {
    const from = new Date(clock.now()).toISOString();
    entries.full = true;
    failures.count({ failure: 'expired' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(logger.said).toContainEqual(expect.objectContaining({ level: 'error' }));
    clock.pass(60_000);
    failures.count({ failure: 'expired' });
    entries.full = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(entries.written).toMatchObject([{ body: { count: 2, reasons: { expired: 2 }, from } }]);
  });
});
