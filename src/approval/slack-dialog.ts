// The dialog in which a person decides, where a bot can open one, and the choice of access for a while in it. Pure.
import type { InputBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import type { Approval, Review } from '../core/approval.ts';
import type { GivenAccess, GrantLimits } from '../core/grants.ts';
import { MAX_REASON_CHARS } from '../core/limits.ts';
import { grantLimits } from './grant-limits.ts';

/** What the buttons, the fields and the dialog are called in what Slack sends back. */
export const SLACK_ACTIONS = {
  approve: 'sallyport_approve',
  deny: 'sallyport_deny',
  reason: 'sallyport_reason',
  grant: 'sallyport_grant',
  dialog: 'sallyport_decision',
} as const;

/** What a dialog brings back of the click that opened it. Slack signs it on its way, and shows it to nobody. */
const openedBySchema = z.strictObject({ id: z.uuid(), verdict: z.enum(['approve', 'deny']), responseUrl: z.url() });
export type OpenedBy = z.output<typeof openedBySchema>;

export function readOpenedBy(text: string): OpenedBy | undefined {
  try {
    return openedBySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function decisionDialog(approval: Approval, by: OpenedBy): ModalView {
  const grant = by.verdict === 'approve' ? grantBlocks(approval) : [];
  return {
    type: 'modal',
    callback_id: SLACK_ACTIONS.dialog,
    private_metadata: JSON.stringify(by),
    title: { type: 'plain_text', text: by.verdict === 'approve' ? 'Approve this call' : 'Deny this call' },
    submit: { type: 'plain_text', text: by.verdict === 'approve' ? 'Approve' : 'Deny' },
    close: { type: 'plain_text', text: 'Back' },
    blocks: [...grant, reasonBlock(approval)],
  };
}

export function reasonBlock({ requirements }: Approval): InputBlock {
  const required = requirements.some(({ reasonRequired }) => reasonRequired);
  return {
    type: 'input',
    block_id: SLACK_ACTIONS.reason,
    optional: !required,
    label: { type: 'plain_text', text: required ? 'Reason' : 'Reason (optional)' },
    element: {
      type: 'plain_text_input',
      action_id: SLACK_ACTIONS.reason,
      multiline: true,
      max_length: MAX_REASON_CHARS,
    },
  };
}

const MINUTE_MS = 60_000;
const MINUTES = [5, 15, 30, 60, 120, 240];
const THIS_CALL = { text: { type: 'plain_text', text: 'This call alone' }, value: 'call' } as const;

/** The choice between this call and access for a while, where the rules permit that. */
export function grantBlocks({ requirements }: Approval): InputBlock[] {
  const limits = grantLimits(requirements);
  if (limits === undefined) return [];
  const options = [THIS_CALL, ...choicesOf(limits)];
  const same = limits.same.length === 0 ? '' : `, with the same ${limits.same.join(', ')}`;
  return [
    {
      type: 'input',
      block_id: SLACK_ACTIONS.grant,
      label: { type: 'plain_text', text: 'An approval is for' },
      hint: { type: 'plain_text', text: `For a while: the same agent in the same session${same}`.slice(0, 2_000) },
      element: { type: 'static_select', action_id: SLACK_ACTIONS.grant, options, initial_option: THIS_CALL },
    },
  ];
}

function choicesOf({ atMostMs, uses }: GrantLimits) {
  const most = Math.floor(atMostMs / MINUTE_MS);
  const minutes = [...MINUTES.filter((one) => one < most), most];
  return minutes.map((one) => ({
    text: { type: 'plain_text' as const, text: `Up to ${String(uses)} calls within ${String(one)} minutes` },
    value: `${String(one * MINUTE_MS)}:${String(uses)}`,
  }));
}

/** What of the fields of a message or a dialog counts. */
export const fieldsSchema = z.object({
  values: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        value: z.string().max(MAX_REASON_CHARS).nullish(),
        selected_option: z.object({ value: z.string() }).nullish(),
      }),
    ),
  ),
});

/** Whether what was chosen is within the limits is for the review to say. */
export function saidIn(
  verdict: Review['verdict'],
  fields: z.output<typeof fieldsSchema> | undefined,
): Pick<Review, 'verdict' | 'reason' | 'grant'> {
  const { [SLACK_ACTIONS.reason]: reason, [SLACK_ACTIONS.grant]: grant } = fields?.values ?? {};
  const words = reason?.[SLACK_ACTIONS.reason]?.value?.trim();
  const chosen = grant?.[SLACK_ACTIONS.grant]?.selected_option?.value;
  return {
    verdict,
    reason: words === '' ? undefined : words,
    ...(verdict === 'approve' && chosen !== undefined ? { grant: accessOf(chosen) } : {}),
  };
}

function accessOf(chosen: string): GivenAccess | undefined {
  const [, forMs, uses] = /^(\d{1,12}):(\d{1,6})$/.exec(chosen) ?? [];
  return forMs === undefined || uses === undefined ? undefined : { forMs: Number(forMs), uses: Number(uses) };
}
