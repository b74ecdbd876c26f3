import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const OLDER =
  "Object.defineProperties(process, { version: { value: 'v20.1.0' }, versions: { value: { ...process.versions, node: '20.1.0' } } })";

test('on an older Node the program says which it needs', () => {
  const preload = `data:text/javascript,${encodeURIComponent(OLDER)}`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', preload, MAIN, '--version'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: 'error: Sallyport needs Node 24 or newer, and this is v20.1.0\n',
  });
});
