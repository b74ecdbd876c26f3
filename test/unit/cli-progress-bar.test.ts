import { expect, test } from 'vitest';
import { progressBar } from '../../src/cli/progress-bar.ts';

function shown(isTTY: boolean, steps: readonly [ms: number, done: number, total?: number][]): string[] {
  const written: string[] = [];
  let ms = 0;
  const bar = progressBar({ isTTY, write: (text: string) => written.push(text) }, 'entries', () => ms);
  for (const [at, done, total] of steps) {
    ms = at;
    bar.show(done, total);
  }
  bar.clear();
  return written;
}

test('a terminal shows part, count, rate and what is left, ten times a second at most, and then nothing', () => {
  const lines = shown(true, [
    [1_000, 1_000_000, 4_000_000],
    [1_050, 1_100_000, 4_000_000],
    [4_000, 4_000_010, 4_000_000],
  ]);
  expect(lines).toEqual([
    `\r\u001b[K${'█'.repeat(6)}${'░'.repeat(18)} 25 %  1,000,000 of 4,000,000 entries  1,000,000/s  3 s left`,
    `\r\u001b[K${'█'.repeat(24)} 100 %  4,000,010 of 4,000,000 entries  1,000,003/s  0 s left`,
    '\r\u001b[K',
  ]);
  expect(shown(true, [[500, 10]])[0]).toBe('\r\u001b[K10 entries  20/s');
});

test('what is no terminal shows nothing', () => {
  expect(shown(false, [[1_000, 5, 10]])).toEqual([]);
});
