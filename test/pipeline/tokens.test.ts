// A value goes out as a token and comes back as an argument: the backend alone sees the value.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Reply } from '../../src/core/broker.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Mask, Tool } from '../../src/core/tool.ts';
import { ACCEPTS_TOKENS } from '../../src/core/value-token.ts';
import { maskCompiler } from '../../src/masking/mask-compiler.ts';
import { principal, startPipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';

const ADA = 'ada@example.com';

function tokenizing(path = '$.email'): Mask {
  const compiler = maskCompiler({ hashKey: new Uint8Array(32).fill(7) });
  const declaration = compiler.declaration.parse({ path, with: 'tokenize', class: 'email' });
  return compiler.compile([{ declaration, report: () => undefined }]);
}

const accepting = (tool: Tool): Tool => ({
  ...tool,
  inputSchema: {
    type: 'object',
    properties: {
      to: { type: 'string', [ACCEPTS_TOKENS]: ['email'] },
      list: { type: 'array', items: { type: 'string', [ACCEPTS_TOKENS]: ['email'] } },
      note: { type: 'string' },
    },
  },
  validateResolved: ({ to }) => (to === 'short' ? ['to: must NOT have fewer than 6 characters'] : []),
});

function start(more: PipelineOptions = {}): Promise<Pipeline> {
  return startPipeline({
    mask: tokenizing(),
    tool: accepting,
    answer: async ({ arguments: args }) => ({ structured: { email: args['raw'] ?? ADA } }),
    ...more,
  });
}

async function shown(pipeline: Pipeline, args: JsonObject = {}): Promise<string> {
  const reply = await pipeline.broker.invoke(pipeline.call({ arguments: args }));
  if (reply.kind === 'result') reply.delivered();
  return (reply as Extract<Reply, { kind: 'result' }>).result.structured?.['email'] as string;
}

describe('a token', () => {
  test('is what the agent sees, and its value is what the backend gets', async () => {
    await using pipeline = await start();
    const token = await shown(pipeline);
    expect(token).toMatch(/^tok_email_[a-z2-7]{26}$/);
    await shown(pipeline, { to: token, list: ['b@example.com', token], note: token });
    expect(pipeline.backendCalls.at(-1)?.arguments).toEqual({
      to: ADA,
      list: ['b@example.com', ADA],
      note: token,
    });
  });

  test('is all that is written down', async () => {
    await using pipeline = await start();
    await shown(pipeline, { to: await shown(pipeline) });
    for (const file of readdirSync(pipeline.directory).filter((name) => name.startsWith('store'))) {
      expect(readFileSync(join(pipeline.directory, file)).includes(ADA)).toBe(false);
    }
    expect(pipeline.said.join()).not.toContain(ADA);
  });

  test.each<[string, string, (token: string) => string]>([
    ['that nobody was given', 'unknown_value_token', () => `tok_email_${'a'.repeat(26)}`],
    ['of another class', 'unfit_value_token', (token) => token.replace('email', 'login')],
  ])('%s stops the call before a credential is fetched', async (_, code, made) => {
    await using pipeline = await start();
    const token = made(await shown(pipeline));
    const { issued } = pipeline.leases;
    const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { to: token } }));
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code } });
    expect(pipeline.leases.issued).toBe(issued);
    expect(pipeline.backendCalls).toHaveLength(1);
    expect((await pipeline.entries()).at(-1)).toMatchObject({ type: 'outcome', outcome: 'failed', code });
  });

  test('that somebody else was given is of no use', async () => {
    await using pipeline = await start();
    const call = pipeline.call({ principal: principal('other'), arguments: { to: await shown(pipeline) } });
    const reply = await pipeline.broker.invoke(call);
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'unknown_value_token' } });
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('whose value does not fit the argument stops the call', async () => {
    await using pipeline = await start();
    const token = await shown(pipeline, { raw: 'short' });
    const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { to: token } }));
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'unfit_value_token' } });
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('does not leave unless it is kept', async () => {
    await using pipeline = await start({
      faults: (ports) => ({
        tokens: {
          ...ports.tokens,
          issue: (key) => ({
            ...ports.tokens.issue(key),
            statements: () => [{ sql: 'insert into no_such_table values (1)', parameters: [] }],
          }),
        },
      }),
    });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'outcome_unrecorded' } });
  });

  test('does not leave where it cannot be sealed', async () => {
    await using pipeline = await start({
      faults: (ports) => ({
        tokens: {
          ...ports.tokens,
          issue: (key) => ({
            ...ports.tokens.issue(key),
            statements: () => {
              throw new Error(`no key for ${ADA}`);
            },
          }),
        },
      }),
    });
    const reply = await pipeline.broker.invoke(pipeline.call());
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'result_withheld' } });
    expect(JSON.stringify(await pipeline.entries())).not.toContain(ADA);
  });

  test.each<[string, () => Promise<never>]>([
    ['says so', () => Promise.reject(new StoreError('the disk is full'))],
    ['throws', () => Promise.reject(new Error(`a fault that quotes ${ADA}`))],
  ])('stops the call where the store that knows it %s', async (_, resolve) => {
    await using pipeline = await start({ faults: ({ tokens }) => ({ tokens: { ...tokens, resolve } }) });
    const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { to: await shown(pipeline) } }));
    expect(reply).toMatchObject({ kind: 'refusal', refusal: { code: 'log_unavailable' } });
    expect(JSON.stringify(await pipeline.entries())).not.toContain(ADA);
    expect(pipeline.backendCalls).toHaveLength(1);
  });

  test('is the same for equal values, so that answers can be joined on it', async () => {
    await using pipeline = await start();
    expect(await shown(pipeline, { n: 1 })).toBe(await shown(pipeline, { n: 2 }));
  });
});
