import { describe, expect, test } from 'vitest';
import { coloursOf } from '../../src/cli/colours.ts';

const coloured = (isTTY: boolean | undefined, env: NodeJS.ProcessEnv): boolean =>
  coloursOf(isTTY === undefined ? {} : { isTTY }, env).isColorSupported;

describe('colours', () => {
  test('are for a terminal that shows them', () => {
    expect(coloured(true, {})).toBe(true);
    expect(coloured(true, { TERM: 'dumb' })).toBe(false);
    expect(coloured(undefined, {})).toBe(false);
  });

  test('are not for a CI runner, whose output is read as text', () => {
    expect(coloured(undefined, { CI: 'true' })).toBe(false);
  });

  test('are as NO_COLOR and FORCE_COLOR say, wherever they go', () => {
    expect(coloured(true, { NO_COLOR: '1' })).toBe(false);
    expect(coloured(false, { FORCE_COLOR: '1' })).toBe(true);
    expect(coloured(true, { FORCE_COLOR: '0' })).toBe(false);
    expect(coloured(true, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
  });
});
