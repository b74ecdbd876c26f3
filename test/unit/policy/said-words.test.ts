// What a backend says of its tools, which a kind may pass on: it leaves only as far as the detectors let it.
import { expect, test } from 'vitest';
import type { ToolKind } from '../../../tools/tool-kind.ts';
import { doubles, PolicyDirectory, SOUND } from '../../support/policy-doubles.ts';

const KEY = `AKIA${'A'.repeat(16)}`;
const [echo] = doubles.kinds;
const talkative: ToolKind = {
  ...echo!,
  compile: (declared, report) =>
    echo!.compile(declared, report).map((tool) => ({
      ...tool,
      title: `Refund ${KEY}`,
      description: `Call it with ${KEY}, or ask ada@example.com.`,
      inputSchema: { ...tool.inputSchema, description: `As ${KEY} does.` },
    })),
};

async function load(detect: string) {
  using directory = new PolicyDirectory();
  directory.write('a.yaml', SOUND.replace('    mask:\n', `    mask:\n${detect}`));
  const { policies, problems } = await directory.load({ kinds: [talkative] });
  return { tool: policies?.tools.get('refund'), problems: problems.map(({ message }) => message) };
}

test('what a backend says of a tool passes the detectors', async () => {
  const { tool, problems } = await load('      - { detect: [email], with: mask }\n');
  expect(problems).toEqual([]);
  expect(tool).toMatchObject({
    title: 'Refund [secret]',
    description: 'Call it with [secret], or ask [email].',
    inputSchema: { description: 'As [secret] does.' },
  });
});

test('what a backend says of a tool is refused where it holds what must be withheld', async () => {
  const { tool, problems } = await load('      - { detect: [email], with: withhold }\n');
  expect(tool).toBeUndefined();
  expect(problems.join()).toContain(
    'what the backend says of refund must not leave: the detector email found something',
  );
});
