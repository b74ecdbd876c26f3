// What reads a command's output may stop in the middle, as `| head` does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

test('a command whose output nobody reads ends quietly, and not as if all had been read', async () => {
  const child = spawn(process.execPath, [MAIN, 'log', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const said = text(child.stderr);
  const [code] = (await once(child, 'exit')) as [number];
  expect({ code, said: await said }).toEqual({ code: 141, said: '' });
});
