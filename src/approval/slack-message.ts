// An approval as a Slack message (Block Kit): what will run and for whom, how to decide, and what became of it. Pure.
import type { KnownBlock, SectionBlock } from '@slack/types';
import type { Approval, Review, ShownPreview } from '../core/approval.ts';
import { approversOf } from './approval-words.ts';
import type { ShownRequest } from './shown-request.ts';
import { grantBlocks, reasonBlock, SLACK_ACTIONS } from './slack-dialog.ts';
import { codeBlock, escaped, inlineCode, jsonBlock } from './slack-text.ts';

/** Of a section's text; https://docs.slack.dev/reference/block-kit/blocks/section-block */
const MAX_TEXT_CHARS = 3_000;

export interface SlackMessage {
  /** For notifications and screen readers. */
  readonly text: string;
  readonly blocks: KnownBlock[];
}

export interface Page {
  /** Of this approval in the console. */
  readonly url: string;
}

/** Where people decide: on the page that is linked to, with the fields of the message, or in a dialog that its buttons open. */
export type DecideIn = 'page' | 'message' | 'dialog';

/** Where the call does not fit whole, there is the link alone, whatever `where` says. */
export function requestMessage(approval: Approval, request: ShownRequest, page: Page, where: DecideIn): SlackMessage {
  const shown = requestBlocks(request);
  const text = `${inlineCode(approval.tool)} needs approval, for ${inlineCode(approval.principal.subject)}`;
  const facts = factsBlock(approval);
  if (shown === undefined || tooLong(facts)) {
    const words =
      'This call does not fit into a message, or cannot be shown here. Open the page to see all of it and decide.';
    return { text, blocks: [section(`*${text}*`, MAX_TEXT_CHARS), section(words), linkBlock(page, 'Open and decide')] };
  }
  const decide = where === 'page' ? [linkBlock(page, 'Open and decide')] : decisionBlocks(approval, page, where);
  return { text, blocks: [section(`*${text}*`), facts, ...shown, ...decide] };
}

/** What became of it so far. */
export function outcomeMessage(approval: Approval, page: Page): SlackMessage {
  const subject = `${inlineCode(approval.tool)} for ${inlineCode(approval.principal.subject)}`;
  const text = `${subject}: ${stateWords(approval)}`;
  const said = approval.reviews.map((review) => reviewBlock(review));
  return { text, blocks: [section(`*${text}*`, MAX_TEXT_CHARS), ...said, linkBlock(page, 'Open')] };
}

function stateWords(approval: Approval): string {
  switch (approval.state) {
    case 'pending':
      return `still waiting; it needs ${escaped(approversOf(approval.requirements))}`;
    case 'approved':
      return 'approved; it runs when the agent makes the call';
    case 'used':
      return 'approved, and the call was let through';
    case 'denied':
      return 'denied';
    case 'expired':
      return 'nobody decided in time, or the agent did not come back; it has expired';
    case 'cancelled':
      return 'withdrawn by the agent';
  }
}

/** Undefined where not all of it can be shown. */
function requestBlocks({ arguments: shown, justification, preview }: ShownRequest): KnownBlock[] | undefined {
  if ('withheld' in shown) return undefined;
  const values = section(`*Arguments*\n${jsonBlock(shown.values)}`);
  const why = justification === undefined ? [] : [section(`*Why, in the agent's words*\n${codeBlock(justification)}`)];
  const blocks = [values, ...why, ...(preview === undefined ? [] : previewBlocks(preview))];
  return blocks.some(tooLong) ? undefined : blocks;
}

function previewBlocks(preview: ShownPreview): SectionBlock[] {
  if ('withheld' in preview) return [section(`*What it would do*\n${escaped(preview.withheld)}`)];
  const effect = section(`*What it would do*\n${codeBlock(preview.lines.join('\n'))}`);
  const { plan } = preview;
  return plan === undefined ? [effect] : [effect, section(`*How the backend would do it*\n${codeBlock(plan)}`)];
}

function factsBlock({ backend, principal, requirements, digest, expiresAt }: Approval): SectionBlock {
  const seconds = String(Math.floor(expiresAt / 1_000));
  const lines = [
    `*Backend* ${inlineCode(backend)}`,
    `*Agent* ${inlineCode(principal.actor)}, on behalf of ${inlineCode(principal.subject)}`,
    `*Rule* ${requirements.map(({ rule }) => inlineCode(rule)).join(', ')}: ${escaped(approversOf(requirements))}`,
    `*Until* <!date^${seconds}^{date_short_pretty} {time_secs}|${new Date(expiresAt).toISOString()}>`,
    `*Digest* ${inlineCode(digest.slice(0, 12))}`,
  ];
  return section(lines.join('\n'));
}

/** @param where the reason, and what else there is to say, is asked for */
function decisionBlocks(approval: Approval, page: Page, where: 'message' | 'dialog'): KnownBlock[] {
  const { id } = approval;
  const fields = where === 'message' ? [...grantBlocks(approval), reasonBlock(approval)] : [];
  return [
    ...fields,
    {
      type: 'actions',
      elements: [
        button('Approve this call', SLACK_ACTIONS.approve, id, 'primary'),
        button('Deny', SLACK_ACTIONS.deny, id, 'danger'),
        { type: 'button', text: { type: 'plain_text', text: 'Open' }, action_id: 'sallyport_open', url: page.url },
      ],
    },
  ];
}

function button(text: string, action: string, value: string, style: 'primary' | 'danger') {
  return { type: 'button', text: { type: 'plain_text', text }, action_id: action, value, style } as const;
}

function reviewBlock({ person, verdict, reason, grant }: Review): SectionBlock {
  const access =
    grant && ` up to ${String(grant.uses)} calls within ${String(Math.ceil(grant.forMs / 60_000))} minutes`;
  const who = `${inlineCode(person.name)} ${verdict === 'approve' ? `approved${access ?? ''}` : 'denied'}`;
  const said = section(reason === undefined ? who : `${who}\n${codeBlock(reason)}`);
  return tooLong(said) ? section(`${who}; the reason is on the page.`) : said;
}

function linkBlock({ url }: Page, words: string): SectionBlock {
  return section(`<${escaped(url)}|${words}>`);
}

/** `verbatim`: names, channels and addresses in it are not made into links and calls. */
function section(text: string, most?: number): SectionBlock {
  const fits = most === undefined || text.length <= most;
  return { type: 'section', text: { type: 'mrkdwn', text: fits ? text : '*A call needs a decision*', verbatim: true } };
}

function tooLong({ text }: SectionBlock): boolean {
  return (text?.text.length ?? 0) > MAX_TEXT_CHARS;
}
