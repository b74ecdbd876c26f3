import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ConfigurationError, type Problem } from '../../../src/core/problem.ts';
import type { PolicySet } from '../../../src/core/policy.ts';
import { openPolicySource, type PolicySource } from '../../../src/policy/policy-source.ts';
import { doubles, PolicyDirectory, SOUND } from '../../support/policy-doubles.ts';

let directory: PolicyDirectory;
const loaded: PolicySet[] = [];
const refused: (readonly Problem[])[] = [];
let logDown = false;

beforeEach(() => {
  directory = new PolicyDirectory();
  loaded.length = refused.length = 0;
  logDown = false;
});
afterEach(() => {
  directory[Symbol.dispose]();
});

function open(): Promise<PolicySource> {
  return openPolicySource(directory.path, {
    load: { ...doubles, env: {} },
    onLoaded(set) {
      if (logDown) return Promise.reject(new Error('disk full'));
      loaded.push(set);
      return Promise.resolve();
    },
    onRefused(problems) {
      refused.push(problems);
      return Promise.resolve();
    },
  });
}

const RENAMED = SOUND.replace('id: small', 'id: tiny');
const ids = (source: PolicySource): string[] => source.current().rules.map(({ id }) => id);

it('does not start with files that have errors', async () => {
  directory.write('shop.yaml', SOUND.replace('version: 1', 'version: 3'));
  await expect(open()).rejects.toThrow(ConfigurationError);
});

it('takes a valid set in the place of the old one, when a file is written', async () => {
  directory.write('shop.yaml', SOUND);
  await using source = await open();
  const before = source.current();
  directory.write('shop.yaml', RENAMED);
  await vi.waitFor(() => {
    expect(ids(source)).toEqual(['tiny']);
  }, 4_000);
  expect(before.rules.map(({ id }) => id)).toEqual(['small']);
  expect(loaded).toEqual([before, source.current()]);
});

it('sees a file that an editor puts in the place of another', async () => {
  directory.write('shop.yaml', SOUND);
  await using source = await open();
  directory.write('shop.yaml~', RENAMED);
  renameSync(join(directory.path, 'shop.yaml~'), join(directory.path, 'shop.yaml'));
  await vi.waitFor(() => {
    expect(ids(source)).toEqual(['tiny']);
  }, 4_000);
});

it('sees the links of a mounted directory being swapped, as Kubernetes does', async () => {
  const inside = (name: string): string => join(directory.path, name);
  for (const [version, text] of [
    ['..one', SOUND],
    ['..two', RENAMED],
  ] as const) {
    mkdirSync(inside(version));
    writeFileSync(join(inside(version), 'shop.yaml'), text);
  }
  symlinkSync('..one', inside('..data'));
  symlinkSync(join('..data', 'shop.yaml'), inside('shop.yaml'));
  await using source = await open();
  expect(ids(source)).toEqual(['small']);
  symlinkSync('..two', inside('..data_tmp'));
  renameSync(inside('..data_tmp'), inside('..data'));
  await vi.waitFor(() => {
    expect(ids(source)).toEqual(['tiny']);
  }, 4_000);
});

it('refuses a set with errors, and the old one stays', async () => {
  directory.write('shop.yaml', SOUND);
  await using source = await open();
  directory.write('shop.yaml', RENAMED.replace('effect: allow', 'effect: permit'));
  await vi.waitFor(() => {
    expect(refused).toHaveLength(1);
  }, 4_000);
  expect(refused[0]?.[0]?.message).toMatch(/^expected one of allow/);
  expect(ids(source)).toEqual(['small']);
});

it('keeps the old set where the new one cannot be written down, and tries again', async () => {
  directory.write('shop.yaml', SOUND);
  await using source = await open();
  logDown = true;
  directory.write('shop.yaml', RENAMED);
  await source.reload();
  expect(ids(source)).toEqual(['small']);
  logDown = false;
  await source.reload();
  expect(ids(source)).toEqual(['tiny']);
});

it('reads again when it is told to, changed or not', async () => {
  directory.write('shop.yaml', SOUND);
  await using source = await open();
  await source.reload();
  expect(loaded).toHaveLength(2);
});
