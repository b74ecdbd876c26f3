// The lint rules that keep evidence in the hands of its stage, each broken once.
import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, test } from 'vitest';

const eslint = new ESLint({
  cwd: resolve(import.meta.dirname, '../..'),
  // These files do not exist, so they have no types; the rules at hand need none.
  overrideConfig: tseslint.configs.disableTypeChecked,
});

async function complaints(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: file });
  const fatal = result!.messages.find((message) => message.fatal);
  if (fatal !== undefined) throw new Error(fatal.message);
  return result!.messages.filter(({ ruleId }) => ruleId === 'no-restricted-syntax').map(({ message }) => message);
}

const FORGERIES: readonly (readonly [string, string])[] = [
  ['src/broker.ts', 'Principal.verified(facts);'],
  ['src/policy/decide.ts', 'Principal.verified(facts);'],
  ['src/broker.ts', 'Permit.allowed(invocation, decision);'],
  ['src/policy/rules.ts', 'Permit.allowed(invocation, decision);'],
  ['src/policy/decide.ts', "Permit.approved(invocation, decision, 'id');"],
  ['src/approval/approve.ts', 'Permit.allowed(invocation, decision);'],
  ['src/credential/leases.ts', 'Intent.recorded(permit, 1);'],
  ['tools/postgres/kind.ts', 'Lease.issued(facts);'],
  ['src/mcp.ts', 'Masked.through(facts);'],
  ['tools/http/kind.ts', "Masked['through'](facts);"],
  ['src/broker.ts', 'const { allowed } = Permit;'],
  ['src/broker.ts', 'const Alias = Permit; Alias.allowed(invocation, decision);'],
  ['src/broker.ts', 'Reflect.construct(Permit, [invocation]);'],
  ['src/broker.ts', 'Object.create(Permit.prototype);'],
  ['src/broker.ts', 'class Forged extends Permit {}'],
  ['src/broker.ts', "import { Permit as Pass } from './core/evidence.ts';"],
  ['src/broker.ts', "import * as evidence from './core/evidence.ts';"],
  ['src/broker.ts', "export * from './core/evidence.ts';"],
  ['src/broker.ts', "export { Permit } from './core/evidence.ts';"],
  ['src/broker.ts', "const evidence = await import('./core/evidence.ts');"],
  ['src/broker.ts', 'forged as Permit;'],
  ['src/identity/tokens.ts', 'forged as unknown as Principal;'],
  ['src/broker.ts', 'forged as readonly Lease[];'],
  ['src/broker.ts', 'forged as Readonly<Masked>;'],
  ['src/broker.ts', 'forged as never;'],
  ['src/broker.ts', '<Intent>forged;'],
  ['test/support/double.ts', 'forged as Permit;'],
  ['bench/call.ts', 'forged as Masked;'],
  ['src/mcp.ts', 'InboundToken.received(compact, issuer);'],
  ['src/mcp.ts', 'call.inbound.subjectTokenFor(issuer);'],
  ['tools/http/call.ts', "inbound['subjectTokenFor'](issuer);"],
  ['src/identity/tokens.ts', 'const { subjectTokenFor } = inbound;'],
];

const HONEST: readonly (readonly [string, string])[] = [
  ['src/identity/tokens.ts', 'Principal.verified(facts);'],
  ['src/policy/decide.ts', 'Permit.allowed(invocation, decision);'],
  ['src/approval/approve.ts', "Permit.approved(invocation, decision, 'id');"],
  ['src/log/log.ts', 'Intent.recorded(permit, 1);'],
  ['src/credential/leases.ts', 'Lease.issued(facts);'],
  ['src/masking/walk.ts', 'Masked.through(facts);'],
  ['src/identity/tokens.ts', 'InboundToken.received(compact, issuer);'],
  ['src/credential/exchange.ts', 'lease.inbound.subjectTokenFor(issuer);'],
  ['test/support/double.ts', 'Principal.verified(facts);'],
  ['src/broker.ts', "import { Masked } from './core/evidence.ts'; export const ok = result instanceof Masked;"],
  ['src/broker.ts', "import type { Permit } from './core/evidence.ts'; export const f = (permit: Permit) => permit;"],
];

describe('evidence is made by its own stage', () => {
  test.each(FORGERIES)('in %s, `%s` is found', async (file, code) => {
    expect(await complaints(file, code)).not.toEqual([]);
  });

  test.each(HONEST)('in %s, `%s` is as it should be', async (file, code) => {
    expect(await complaints(file, code)).toEqual([]);
  });
});

test('a module mock is found', async () => {
  expect(await complaints('test/unit/x.test.ts', "vi.mock('../../src/broker.ts');")).not.toEqual([]);
});
