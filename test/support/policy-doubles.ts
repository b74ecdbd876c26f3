// A small kind of backend and a provider, for tests of policy files that need no database.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { CredentialProvider } from '../../src/core/credential.ts';
import type { PrincipalFacts } from '../../src/core/principal.ts';
import { problemText } from '../../src/core/problem.ts';
import { maskCompiler } from '../../src/masking/mask-compiler.ts';
import type { Implementations } from '../../src/policy/compile-backends.ts';
import { type LoadedPolicies, type LoadOptions, loadPolicies } from '../../src/policy/load-policies.ts';
import type { ToolKind } from '../../tools/tool-kind.ts';

/** A backend that answers with its arguments; `text` names them as `:name`. */
const echoKind: ToolKind<{ url: string }, { text: string }> = {
  kind: 'echo',
  backend: z.strictObject({ url: z.url('expected an address').meta({ examples: ['https://echo.example'] }) }),
  tool: z.strictObject({ text: z.string().min(1) }),
  credentials: ['badge'],
  compile: ({ name, declaration, input }, report) => {
    const parameters = [...declaration.text.matchAll(/:(\w+)/g)];
    for (const { 1: parameter = '', index } of parameters) {
      if (parameter in input.properties) continue;
      report.error({ path: ['text'], offset: index }, `":${parameter}" is no input`);
    }
    for (const unused of Object.keys(input.properties).filter((one) => !declaration.text.includes(`:${one}`))) {
      report.error({ path: ['input', unused], atKey: true }, `"${unused}" is not used`);
    }
    const required = Object.keys(input.properties).filter((one) => !input.optional.includes(one));
    return [
      {
        name,
        inputSchema: { type: 'object', properties: input.properties, required, additionalProperties: false },
        outputSchema: { type: 'object', properties: { secret: { type: 'string' }, plain: { type: 'string' } } },
        call: (call) => Promise.resolve({ structured: call.arguments }),
      },
    ];
  },
  examine: ({ backend, report, tools }) => {
    report.warning({ path: ['url'] }, `examined ${backend.name}`);
    for (const tool of tools)
      for (const { path, place } of tool.masks) tool.report.warning({ path: place }, `examined ${path}`);
    return Promise.resolve();
  },
};

const badgeProvider: CredentialProvider<{ issuer: string }> = {
  kind: 'badge',
  options: z.strictObject({ issuer: z.string().min(3) }),
  reference: ({ id }) => id,
  issue: (_, __, reference) => Promise.resolve({ fields: { badge: reference } }),
  revoke: () => Promise.resolve(),
  examine: ({ issuer }, report) => {
    report.error({ path: ['issuer'] }, `examined ${issuer}`);
    return Promise.resolve();
  },
};

export const doubles: Implementations = {
  kinds: [echoKind],
  providers: [badgeProvider],
  masks: maskCompiler({ hashKey: new Uint8Array(32).fill(7) }),
};

/** A directory of policy files for one test. */
export class PolicyDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sallyport-policies-'));

  write(name: string, text: string): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  load(options: Partial<LoadOptions> = {}): Promise<LoadedPolicies> {
    return loadPolicies(this.path, { ...doubles, env: {}, ...options });
  }

  /** Each problem on a line, without the name of the directory. */
  async problems(options: Partial<LoadOptions> = {}): Promise<string[]> {
    const { problems } = await this.load(options);
    return problems.map((problem) => problemText(problem).replaceAll(`${this.path}/`, ''));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** One file that is right, to be made wrong in one place. */
export const SOUND = `version: 1
backends:
  shop:
    kind: echo
    url: https://shop.example
    credential: { kind: badge, issuer: office }
tools:
  refund:
    backend: shop
    text: refund :order with :amount
    input:
      order: { type: integer, minimum: 1 }
      amount: { type: number }
    mask:
      - { path: $.secret, with: redact }
rules:
  - id: small
    effect: allow
    principals: { groups: [support] }
    tools: [refund]
    when: args.amount <= 50.0
`;

export function somebody(more: Partial<PrincipalFacts> = {}): PrincipalFacts {
  return {
    issuer: 'https://id.example.com',
    subject: 'ada',
    actor: 'agent',
    groups: ['support'],
    scopes: [],
    claims: {},
    expiresAt: Number.MAX_SAFE_INTEGER,
    ...more,
  };
}
