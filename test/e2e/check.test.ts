// `sallyport check` and `sallyport explain`, as a user runs them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-check-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function sallyport(args: string[], { cwd = ROOT, env = {} }: { cwd?: string; env?: Record<string, string> } = {}) {
  const { SHOP_DATABASE_URL: _, SHOP_ADMIN_URL: __, ...rest } = process.env;
  const run = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), ...args], {
    cwd,
    env: { ...rest, NO_COLOR: '1', ...env },
    encoding: 'utf8',
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

const SEVEN = `version: 1
backends:
  shop:
    kind: postgres
    url: postgres://db.example.com/shop
    credential: { kind: postgres-role, admin: "postgres://a:b@db.example.com/shop", memberOf: [support] }
tools:
  find_customer:
    backend: shopp
    sql: select 1
  list_orders:
    backend: shop
    sql: |
      select id, email
      from orders
      where customer_id = :customer and status = :status
    readOnly: true
    descripton: Lists orders.
    input:
      customer_id: { type: integer }
      status: { type: string }
    mask:
      - { path: "$.rows[*.email", with: redact }
rules:
  - id: look-up
    effect: allow
    tools: [find_customer, list_order]
  - id: look-up
    effect: allow
    tools: [list_orders]
    when: args.status == "paid" && args.customer_id + 1.0 > 3.0
`;

const ASKS = `version: 1
backends:
  shop:
    kind: postgres
    url: postgres://db.example.com/shop
    credential: { kind: postgres-role, admin: "postgres://a:b@db.example.com/shop", memberOf: [support] }
tools:
  find_customer: { backend: shop, sql: select 1 }
rules:
  - id: ask
    effect: require_approval
    tools: [find_customer]
    approval: { approvers: { groups: [finance] }, notify: [slack] }
`;

describe('check', () => {
  it('reports every mistake at its place, and exits 2', () => {
    writeFileSync(join(directory, 'shop.yaml'), SEVEN);
    const { code, out } = sallyport(['check', '.'], { cwd: directory });
    const places = out.split('\n').filter((line) => /^\S+:\d+:\d+: /.test(line));
    expect(places).toEqual([
      'shop.yaml:9:14: error: unknown backend "shopp"',
      expect.stringMatching(/^shop.yaml:16:27: error: :customer is no input/),
      'shop.yaml:18:5: error: unknown key "descripton"',
      expect.stringMatching(/^shop.yaml:20:7: error: the SQL does not use :customer_id/),
      expect.stringMatching(/^shop.yaml:23:\d+: error: this is not a JSONPath/),
      expect.stringMatching(/^shop.yaml:25:9: error: another rule is called "look-up" too: shop.yaml:28/),
      'shop.yaml:27:28: error: unknown tool "list_order"',
      expect.stringMatching(/^shop.yaml:28:9: error: another rule is called "look-up" too: shop.yaml:25/),
      expect.stringMatching(/^shop.yaml:31:53: error: this always fails/),
    ]);
    expect(out).toContain('did you mean "shop"?');
    expect(out).toContain('did you mean "description"?');
    expect(out).toContain('did you mean "list_orders"?');
    expect(out).toMatch(/does not hold \(9 errors, 0 warnings\)\n$/);
    expect(code).toBe(2);
  });

  it('finds the example policies right, without the secrets that they refer to', () => {
    const { code, out } = sallyport(['check', 'policies/']);
    expect(out).toContain('environment variable SHOP_ADMIN_URL is not set');
    expect(out).toMatch(/policies\/ holds: \d+ tools, \d+ rules \(0 errors, \d+ warnings\)/);
    expect(code).toBe(0);
  });

  it('takes a missing secret for an error where it is needed', () => {
    expect(sallyport(['check', 'policies', '--connect']).code).toBe(2);
  });

  it('prints one JSON document for programs', () => {
    writeFileSync(join(directory, 'shop.yaml'), SEVEN);
    const { code, out } = sallyport(['check', '.', '--json'], { cwd: directory });
    const answer = JSON.parse(out) as { errors: number; problems: { file: string; line: number; column: number }[] };
    expect(answer.errors).toBe(9);
    expect(answer.problems[0]).toMatchObject({ file: 'shop.yaml', line: 9, column: 14, severity: 'error' });
    expect(code).toBe(2);
  });

  it('holds rules that ask for people against sallyport.yaml: whether they can sign in, and be told', () => {
    writeFileSync(join(directory, 'shop.yaml'), ASKS);
    expect(sallyport(['check', '.'], { cwd: directory }).out).not.toMatch(/sign in|slack/);
    writeFileSync(join(directory, 'sallyport.yaml'), 'issuers: [{ issuer: https://id.example }]\npolicies: .\n');
    const { out, code } = sallyport(['check', '.'], { cwd: directory });
    expect(out).toMatch(/shop.yaml:\d+:\d+: warning: nobody can sign in to approve this/);
    expect(out).toMatch(/shop.yaml:\d+:\d+: error: nobody can be told by slack/);
    expect(code).toBe(2);
  });

  it('looks into sallyport.yaml, too, and finds the policies that it names', () => {
    writeFileSync(join(directory, 'sallyport.yaml'), 'policies: ./rules\nisuers: []\n');
    const { code, out } = sallyport(['check'], { cwd: directory });
    expect(out).toContain('sallyport.yaml:2:1: error: unknown key "isuers"');
    expect(code).toBe(2);
  });
});

describe('explain', () => {
  it.each([
    ['refund_order order_id=1001 amount=20 --groups support', 0, 'allowed by small-refunds'],
    ['refund_order order_id=1001 amount=200 --groups support', 3, 'a person is asked by large-refunds-need-finance'],
    ['refund_order order_id=1001 amount=2000 --groups support', 1, 'refused by no-refunds-above-the-limit'],
    ['refund_order order_id=1001 amount=20 --groups sales', 1, 'not even listed'],
    ['find_customer email=nobody --groups support', 1, 'email: must be in the format "email"'],
    ['find_customr email=a@b.example', 2, ''],
  ])('%s exits %d', (line, code, text) => {
    const answer = sallyport(['explain', '--policies', 'policies', '--as', 'ada', ...line.split(' ')]);
    expect(answer.code, answer.err).toBe(code);
    expect(answer.out).toContain(text);
  });

  it('shows what would be masked', () => {
    const { out } = sallyport([
      'explain',
      '--as',
      'ada',
      '--groups',
      'support',
      '--json',
      'find_customer',
      'email=a@b.example',
    ]);
    const answer = JSON.parse(out) as { effect: string; rules: string[]; masks: object[] };
    expect(answer).toMatchObject({ effect: 'allow', rules: ['support-may-look-up'] });
    expect(answer.masks).toContainEqual({ path: '$.rows[*].card_number', action: 'keep-last 4' });
  });
});
