// `sallyport mask`, as a policy author runs it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

// Each run is a process of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const ROOT = join(import.meta.dirname, '../..');
const ROW = { id: 1, email: 'ada@example.com', phone: '+44 20 7946 0011', card_number: '4242424242424242' };

function mask(args: readonly string[], input: unknown, env: Record<string, string> = { NO_COLOR: '1' }) {
  const run = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), 'mask', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    input: typeof input === 'string' ? input : JSON.stringify(input),
    encoding: 'utf8',
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

test('shows what would leave, and which path took what', () => {
  const { code, out, err } = mask(['find_customer', '--json'], { rows: [ROW, { ...ROW, id: 2 }], rowCount: 2 });
  expect(code, err).toBe(0);
  const { leaves, masks } = JSON.parse(out) as { leaves: { structuredContent: { rows: object[] } }; masks: unknown };
  expect(leaves.structuredContent.rows[0]).toEqual({
    id: 1,
    email: expect.stringMatching(/^tok_email_[a-z2-7]{26}$/) as string,
    phone: '[redacted]',
    card_number: '****4242',
  });
  expect(masks).toContainEqual({ path: '$.rows[*].email', action: 'tokenize email', taken: 2 });
  expect(masks).toContainEqual({ path: '$..password_hash', action: 'remove', taken: 0 });
});

test('marks what has changed on a terminal', () => {
  const { out } = mask(['find_customer'], { rows: [ROW] }, { FORCE_COLOR: '1' });
  expect(out).toContain('"phone": \u001b[33m"[redacted]"\u001b[39m');
  expect(out).toContain('"id": 1');
  expect(out).toMatch(/\$\.rows\[\*\]\.phone {2,}redact\u001b\[39m {2}took 1/);
  for (const raw of [ROW.email, ROW.phone, ROW.card_number]) expect(out).not.toContain(raw);
});

test('takes a whole MCP result, and says when it would be withheld', () => {
  const text = JSON.stringify({ rows: [ROW] });
  const whole = mask(['find_customer'], { content: [{ type: 'text', text }] });
  expect(whole.code, whole.err).toBe(0);
  expect(whole.out).toContain('tok_email_');
  expect(whole.out).not.toContain(ROW.email);
  const image = mask(['find_customer'], { content: [{ type: 'image', data: 'aGk=', mimeType: 'image/png' }] });
  expect(image.code).toBe(1);
  expect(image.out).toContain('withheld:');
});

test.each([
  ['an unknown tool', ['find_custmer'], {}, 'did you mean "find_customer"?'],
  ['no JSON', ['find_customer'], 'rows', 'this is not valid JSON'],
  ['a result that is no object', ['find_customer'], [ROW], 'is not an object'],
])('says what is wrong with %s', (_, args, input, message) => {
  const { code, out, err } = mask(args, input);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toContain(message);
});
