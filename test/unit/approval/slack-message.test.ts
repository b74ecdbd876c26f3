import { describe, expect, it } from 'vitest';
import { blocksProblem, type StandInBlock } from '../../../src/demo/slack-stand-in-blocks.ts';
import { outcomeMessage, requestMessage, type SlackMessage } from '../../../src/approval/slack-message.ts';
import type { Approval } from '../../../src/core/approval.ts';

const approval: Approval = {
  id: '018f0000-0000-7000-8000-000000000000',
  digest: 'abcdefghijklmnop',
  state: 'pending',
  principal: { issuer: 'https://issuer.example', subject: 'ada', actor: 'agent' },
  session: 'session',
  tool: 'refund_order',
  backend: 'shop',
  invocation: 'one',
  policy: 'policy',
  requirements: [
    {
      rule: 'large',
      approvers: { groups: ['finance'], people: [] },
      quorum: 1,
      perGroup: {},
      expiresAfterMs: 60_000,
      reasonRequired: true,
    },
  ],
  requestedAt: 0,
  expiresAt: 60_000,
  waiter: undefined,
  usedBy: undefined,
  reviews: [],
};
const page = { url: 'https://broker.example/console/approvals/1' };
const types = ({ blocks }: SlackMessage): string[] => blocks.map(({ type }) => type);
const ask = (values: Record<string, string>, justification?: string): SlackMessage =>
  requestMessage(approval, { arguments: { values }, justification, preview: undefined }, page, 'message');

describe('a request in Slack', () => {
  it('has buttons and a field for the reason where all of the call fits', () => {
    const message = ask({ note: 'short' }, 'the customer asked');
    expect(types(message)).toEqual(['section', 'section', 'section', 'section', 'input', 'actions']);
    expect(blocksProblem(message.blocks as StandInBlock[])).toBeUndefined();
  });

  it('shows what the call would do, or that it cannot be told', () => {
    const shown = { arguments: { values: {} }, justification: undefined };
    const told = { lines: ['<3 orders>', '412.50 `EUR` in total'], plan: 'Update on orders' };
    const message = requestMessage(approval, { ...shown, preview: told }, page, 'message');
    expect(types(message)).toEqual(['section', 'section', 'section', 'section', 'section', 'input', 'actions']);
    expect(JSON.stringify(message)).toMatch(/&lt;3 orders&gt;\\n412.50 .*Update on orders/);
    expect(blocksProblem(message.blocks as StandInBlock[])).toBeUndefined();
    const withheld = requestMessage(
      approval,
      { ...shown, preview: { withheld: 'It could not be made.' } },
      page,
      'message',
    );
    expect(JSON.stringify(withheld)).toContain('It could not be made.');
    const long = { lines: ['x'.repeat(3_000)], plan: undefined };
    expect(types(requestMessage(approval, { ...shown, preview: long }, page, 'message'))).not.toContain('actions');
  });

  it('obeys nothing that the agent wrote', () => {
    const note = '<!channel> <https://evil.example|here> ``` *bold* \u202e';
    for (const message of [
      ask({ note }),
      ask({ note: '' }, note),
      requestMessage(
        { ...approval, tool: note },
        { arguments: { values: {} }, justification: undefined, preview: undefined },
        page,
        'message',
      ),
    ]) {
      const text = JSON.stringify(message);
      expect(text).not.toMatch(/<!channel|<https:..evil|\u202e/);
      expect(text).toContain('&lt;!channel&gt;');
      expect(text).toContain('u0060');
    }
  });

  it('cuts nothing: what does not fit, or cannot be shown, gets a link and no buttons', () => {
    const long = 'x'.repeat(3_000);
    const withheld = {
      arguments: { withheld: 'They have been erased.' },
      justification: undefined,
      preview: undefined,
    };
    for (const message of [
      ask({ note: long }),
      ask({ note: '&'.repeat(700) }),
      ask({}, long),
      requestMessage(approval, withheld, page, 'message'),
      requestMessage(
        { ...approval, principal: { ...approval.principal, subject: long } },
        { arguments: { values: {} }, justification: undefined, preview: undefined },
        page,
        'message',
      ),
    ]) {
      expect(types(message)).toEqual(['section', 'section', 'section']);
      expect(JSON.stringify(message)).toContain(page.url);
      expect(JSON.stringify(message)).not.toContain('xxxx"');
      expect(blocksProblem(message.blocks as StandInBlock[])).toBeUndefined();
    }
  });
});

describe('an outcome in Slack', () => {
  it('says what became of the call, who decided and why', () => {
    const person = { issuer: 'https://issuer.example', subject: 'finn', name: '<Finn>', groups: [] };
    const denial = { person, verdict: 'deny', reason: 'not <ours>', at: 1 } as const;
    const text = JSON.stringify(outcomeMessage({ ...approval, state: 'denied', reviews: [denial] }, page));
    expect(text).toContain('denied');
    expect(text).toContain('&lt;Finn&gt;');
    expect(text).toContain('not &lt;ours&gt;');
    const long = { ...denial, reason: '&'.repeat(2_000) };
    const message = outcomeMessage({ ...approval, state: 'denied', reviews: [long] }, page);
    expect(JSON.stringify(message)).toContain('the reason is on the page');
    expect(blocksProblem(message.blocks as StandInBlock[])).toBeUndefined();
  });
});
