// What the console shows of approvals, and what comes of a decision; from the desk to a page.
import type { ApprovalDesk, OpenedApproval } from './approval/approval-desk.ts';
import { approversOf } from './approval/approval-words.ts';
import { reviewRefusedWords } from './approval/review-words.ts';
import { approvalPage, listPage, type Refusal } from './console/approval-pages.ts';
import { messagePage, type Viewer } from './console/pages.ts';
import type { Clock } from './core/clock.ts';
import { MAX_REASON_CHARS } from './core/limits.ts';

interface Context {
  readonly desk: ApprovalDesk;
  readonly clock: Clock;
}

export type Shown = { readonly status: number; readonly page: string } | { readonly location: string };

/** Far more than anybody reads. */
const LISTED = 200;

export async function showApprovals({ desk, clock }: Context, viewer: Viewer): Promise<Shown> {
  const seen = await desk.list(viewer.person, { limit: LISTED });
  const listed = seen.map(({ approval, mayNotApprove }) => ({
    approval,
    mayDecide: mayNotApprove === undefined,
    needs: approversOf(approval.requirements),
  }));
  return { status: 200, page: listPage(listed, clock.now(), viewer) };
}

export async function showApproval(
  context: Context,
  viewer: Viewer,
  id: string,
  refusal?: Refusal & { readonly status: number },
): Promise<Shown> {
  const { desk, clock } = context;
  const opened = await desk.open(viewer.person, id);
  const list = { href: '/console/approvals', text: 'To the list' };
  if (opened === 'unknown') {
    const words = 'There is no approval of this id. The link may be cut off, or of another broker.';
    return { status: 404, page: messagePage('No such approval', words, list, viewer) };
  }
  if (opened === 'closed_to_you') {
    const words = 'It is open to those its rule asks, and to people with a role here. You are neither.';
    return { status: 403, page: messagePage('You may not open this approval', words, list, viewer) };
  }
  const shown = { ...opened, needs: approversOf(opened.approval.requirements), ...mayDo(opened) };
  return { status: refusal?.status ?? 200, page: approvalPage(shown, clock.now(), viewer, refusal) };
}

/** A word that was counted is shown on the page it leads to; one that was not, beside the form it came from. */
export async function takeDecision(
  context: Context,
  viewer: Viewer,
  id: string,
  form: URLSearchParams,
): Promise<Shown> {
  const verdict = form.get('verdict');
  const reason = form.get('reason') ?? '';
  if (verdict !== 'approve' && verdict !== 'deny') {
    const words = 'Choose: approve this call, or deny it.';
    return showApproval(context, viewer, id, { status: 400, words, reason });
  }
  if (reason.length > MAX_REASON_CHARS) {
    const words = `The reason may have at most ${MAX_REASON_CHARS} characters. Nothing was decided.`;
    return showApproval(context, viewer, id, { status: 400, words, reason });
  }
  const said = reason.trim() === '' ? undefined : reason;
  const answer = await context.desk.review(viewer.person, id, { verdict, reason: said });
  if (answer === 'counted') return { location: `/console/approvals/${id}` };
  const status = answer === 'reason_missing' ? 422 : 409;
  return showApproval(context, viewer, id, { status, words: reviewRefusedWords(answer), reason });
}

function mayDo({ mayNotApprove, mayNotDeny }: OpenedApproval) {
  const verdicts = [
    ...(mayNotApprove === undefined ? (['approve'] as const) : []),
    ...(mayNotDeny === undefined ? (['deny'] as const) : []),
  ];
  const why = mayNotApprove ?? mayNotDeny;
  return { verdicts, whyNot: why === undefined ? undefined : reviewRefusedWords(why) };
}
