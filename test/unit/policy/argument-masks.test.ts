// What people see of the arguments of a call: masked where the tool says so, and nothing at all in doubt.
import { describe, expect, test } from 'vitest';
import { calledWith } from '../../../src/core/entry.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Tool } from '../../../src/core/tool.ts';
import { asShown } from '../../../src/log/payload.ts';
import { principal } from '../../support/pipeline.ts';
import { PolicyDirectory, SOUND } from '../../support/policy-doubles.ts';

async function load(masks: string): Promise<{ tool: Tool | undefined; problems: string[] }> {
  using directory = new PolicyDirectory();
  directory.write('a.yaml', SOUND.replace('    mask:\n', `    maskArguments: [${masks}]\n    mask:\n`));
  const { policies } = await directory.load();
  return { tool: policies?.tools.get('refund'), problems: await directory.problems() };
}

const HIDDEN = { hidden: expect.any(String) as string };
const CALL = { order: 7, amount: 5 };

describe('masks on arguments', () => {
  test('hide what they select from people, and change nothing of the call', async () => {
    const { tool, problems } = await load('{ path: $.order, with: redact }');
    expect(problems).toEqual([]);
    const sent: JsonObject = { ...CALL };
    expect(tool?.maskArguments(sent)).toEqual({ order: '[redacted]', amount: 5 });
    expect(sent).toEqual(CALL);
    expect(tool?.validate(sent)).toEqual([]);
  });

  test.each([
    ['a path that must match finds nothing', '{ path: $.other, with: redact, mustMatch: true }'],
    ['all of them are removed', '{ path: $, with: remove }'],
  ])('show a constant where %s', async (_, masks) => {
    const { tool } = await load(masks);
    expect(tool?.maskArguments(CALL)).toEqual(HIDDEN);
  });

  test('show everything where there are none', async () => {
    using directory = new PolicyDirectory();
    directory.write('a.yaml', SOUND);
    const { policies } = await directory.load();
    expect(policies?.tools.get('refund')?.maskArguments(CALL)).toBe(CALL);
  });

  test.each([
    ['{ path: "$.order[", with: redact }', 'this is not a JSONPath'],
    ['{ path: $.order, with: tokenize, class: order }', 'who have no use for tokens'],
    ['{ path: $.order, with: reduct }', 'maskArguments'],
  ])('that say %s are refused when they are loaded', async (masks, message) => {
    const { problems } = await load(masks);
    expect(problems).not.toEqual([]);
    if (message !== 'maskArguments') expect(problems.join()).toContain(message);
  });

  test('are kept with the call, so that readers of the log need no policy files', async () => {
    const { tool } = await load('{ path: $.order, with: redact }');
    const call = { id: 'i', session: 's', principal: principal('ada'), tool: 'refund', arguments: CALL, arrivedAt: 0 };
    const payloads = calledWith(call, tool);
    expect(payloads.arguments).toEqual(CALL);
    expect(asShown(payloads)).toEqual({ ...payloads, arguments: { order: '[redacted]', amount: 5 }, shown: undefined });
    expect(calledWith(call, undefined)).not.toHaveProperty('shown');
  });
});
