// `sallyport log …` as an auditor types it, over a real store.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log/log.ts';
import { Checkpoints } from '../../src/log/checkpoints.ts';
import { openExport } from '../../src/log/exported.ts';
import { parseVerifier } from '../../src/log/signed-note.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { publishToFile } from '../../src/log/publish.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { openLogTree } from '../../src/store/log-tree.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const base = {
  session: 's-1',
  principal: { issuer: 'https://issuer.example', subject: 'ann', actor: 'agent-7' },
  tool: 'find_customer',
  policy: 'f'.repeat(64),
} as const;
const allowed = { effect: 'allow', reason: 'rule_matched', rules: ['support-may-look-up'] } as const;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const hostile = '<img src=x onerror=alert(1)>\u001b[2J\u202e';

let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'sallyport-log-'));
  const keys = await loadKeys(join(data, 'keys'));
  await using store = await openSqliteStore({ file: join(data, 'sallyport.db'), keys });
  const log = createLog({ store, broker: 'broker-1' });
  await log.append([
    { body: { type: 'broker.started', broker: 'broker-1', version: '0.1.0' } },
    {
      body: { ...base, invocation: 'i-1', type: 'intent', backend: 'shop', digest: 'd', decision: allowed },
      payloads: {
        arguments: { email: 'ann@example.com' },
        principal: { groups: ['support'], scopes: [], claims: { department: 'returns' } },
      },
    },
    {
      body: {
        ...base,
        invocation: 'i-1',
        type: 'outcome',
        backend: 'shop',
        outcome: 'succeeded',
        masked: { '$.rows[*].card': 1 },
        doors: { mask: 0.3, identify: 0.1, decide: 0.02 },
      },
      payloads: { result: { rows: [{ card: '**** 1111' }] } },
    },
    { body: { ...base, invocation: 'i-2', tool: hostile, type: 'refused', code: 'unknown_tool' } },
    {
      body: {
        ...base,
        invocation: 'i-3',
        session: 's-2',
        type: 'intent',
        backend: 'shop',
        digest: 'd',
        decision: allowed,
      },
    },
  ]);
  const publish = [publishToFile(join(data, 'published'))];
  await using _ = await Checkpoints.start({
    tree: await openLogTree(store),
    keys: keys.checkpoint,
    publish,
    logger: silent,
  });
});

afterAll(() => rm(data, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'log', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}
const log = (...args: string[]) => run(...args, '--data', data);

describe('sallyport log', () => {
  test('list shows one line for each entry, and nothing in it steers the terminal', () => {
    const { status, stdout } = log('list');
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(5);
    expect(stdout).toMatch(
      /2 {2}\d{4}-.* {2}intent .*find_customer .*ann via agent-7 {2}allowed by support-may-look-up/,
    );
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  test.each([
    [
      ['--rule', 'support-may-look-up'],
      [2, 5],
    ],
    [['--outcome', 'succeeded'], [3]],
    [['--outcome', 'refused'], [4]],
    [['--session', 's-2'], [5]],
    [
      ['--principal', 'agent-7', '--type', 'intent'],
      [2, 5],
    ],
    [['--principal', 'nobody'], []],
    [['--text', 'SHOP'.toLowerCase(), '--limit', '1'], [5]],
    [['--text', '%'], []],
    [
      ['--since', '1h', '--until', '2999-01-01', '--invocation', 'i-1'],
      [2, 3],
    ],
    [['--until', '2020-01-01'], []],
  ])('list %j finds entries %j', (args, seqs) => {
    const { stdout } = log('list', '--json', ...args);
    const found = stdout
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => JSON.parse(text).seq);
    expect(found).toEqual(seqs);
  });

  test('show tells the story of an invocation, with arguments, masked result and the time of each door', () => {
    const { stdout } = log('show', 'i-1');
    expect(stdout).toContain('allowed by support-may-look-up');
    expect(stdout).toContain('arguments {"email":"ann@example.com"}');
    expect(stdout).toContain('result {"rows":[{"card":"**** 1111"}]}');
    expect(stdout).toContain('identify 0.1 ms, decide 0.02 ms, mask 0.3 ms');
    expect(stdout).not.toContain('department');
    expect(log('show', 'i-1', '--json').stdout).toContain('department');
    expect(log('show', 'i-3').stdout).toContain('unknown');
    expect(JSON.parse(log('show', '3', '--json').stdout)[0].payloads.result.rows).toHaveLength(1);
  });

  test('replay tells a session in order, with its pauses if asked', () => {
    const { stdout } = log('replay', 's-1');
    const places = ['intent', 'outcome', 'refused'].map((word) => stdout.indexOf(word));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places.toSorted((a, b) => a - b)).toEqual(places);
    expect(log('replay', 's-1', '--speed', '1000').status).toBe(0);
  });

  test('verify says what there is, that all is well, and which call has no outcome', () => {
    const { status, stdout } = log('verify', '--checkpoint', join(data, 'published'));
    expect(stdout).toContain('5 entries, from ');
    expect(stdout).toContain('unknown  invocation i-3 (entry 5) has no outcome');
    expect(stdout).toContain('The log is what was signed.');
    expect(status).toBe(0);
  });

  test('prove writes a proof that verify checks with the public key alone', async () => {
    const proof = join(data, 'entry-2.tlog-proof');
    const key = log('key').stdout.trim();
    expect(log('prove', '2', '--out', proof).status).toBe(0);
    const good = run('verify', '--proof', proof, '--key', key, '--data', '/nowhere');
    expect(good.stdout).toContain('proved: entry 2 of 5');
    expect(good.status).toBe(0);
    const bad = (await readFile(proof, 'utf8')).replace('index 1', 'index 2');
    await writeFile(proof, bad);
    expect(run('verify', '--proof', proof, '--key', key, '--data', '/nowhere').status).toBe(1);
  });

  test('export gives a file that verifies like the store, and in which any change is found', async () => {
    const file = join(data, 'log.jsonl');
    const key = log('key').stdout;
    expect(log('export', '--out', file).status).toBe(0);
    expect(log('verify', '--copy', file).stdout).toContain('payloads: 2 checked');
    expect(log('verify', '--copy', file, '--checkpoint', join(data, 'published')).status).toBe(0);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const changed = [
      lines.map((line) => line.replace('"digest":"d"', '"digest":"e"')),
      lines.toSpliced(4, 1),
      lines.slice(0, -1),
      lines.toSpliced(3, 2, lines[4]!, lines[3]!),
      [...lines, lines.at(-1)!],
    ];
    for (const copy of changed) {
      await writeFile(file, copy.join('\n') + '\n');
      const { findings } = await verifyLog(await openExport(file), { verifiers: [parseVerifier(key)], now: 0 });
      expect(findings).not.toEqual([]);
    }
  });

  test('export --format html gives a page that needs no network and runs nothing', () => {
    const { stdout } = log('export', '--format', 'html', '--session', 's-1');
    expect(stdout).toContain('find_customer');
    expect(stdout).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(stdout).not.toMatch(/<script|<img|<link|src=["']|href=|url\(/);
    expect(stdout).toContain("default-src 'none'");
  });

  test('list --follow goes on with what is written meanwhile', async () => {
    const child = spawn(process.execPath, [main, 'log', 'list', '--follow', '--json', '--limit', '1', '--data', data]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    while (!output.includes('\n')) await delay(20);
    await using store = await openSqliteStore({
      file: join(data, 'sallyport.db'),
      keys: await loadKeys(join(data, 'keys')),
    });
    await store.commit({ entries: [{ body: { type: 'broker.stopped', broker: 'later', version: '0.1.0' } }] });
    await expect.poll(() => output, { timeout: 5_000 }).toContain('"broker":"later"');
    child.kill();
    await once(child, 'exit');
  });

  test('verify names a changed entry, and exits 1', () => {
    const database = new DatabaseSync(join(data, 'sallyport.db'));
    database.exec(`update entries set body = replace(body, 'ann', 'bob') where seq = 3`);
    database.close();
    const { status, stdout } = log('verify');
    expect(stdout).toContain('bad  entry 3 does not fit its hash');
    expect(status).toBe(1);
  });

  test('says what to do where there is no store, no entry, or a wrong option', () => {
    const missing = run('list', '--data', '/nowhere');
    expect(missing.status).toBe(2);
    expect(missing.stderr).toContain('there is no store at /nowhere/sallyport.db');
    expect(log('show', 'nothing').stderr).toContain('no invocation and no entry nothing');
    expect(log('list', '--since', 'yesterday').status).toBe(2);
    expect(log('export', '--format', 'html').stderr).toContain('--session');
    expect(log('verify', '--checkpoint', '/nowhere').status).toBe(2);
  });
});
