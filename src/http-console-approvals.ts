// What the console shows of approvals, and what comes of a decision; from the desk to a page.
import type { ApprovalDesk, OpenedApproval } from './approval/approval-desk.ts';
import { approversOf } from './approval/approval-words.ts';
import { grantLimits } from './approval/grant-limits.ts';
import { reviewRefusedWords } from './approval/review-words.ts';
import { approvalPage, listPage, type Refusal } from './console/approval-pages.ts';
import { messagePage, type Viewer } from './console/pages.ts';
import type { Clock } from './core/clock.ts';
import type { GivenAccess } from './core/grants.ts';
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
  const { requirements } = opened.approval;
  const shown = { ...opened, needs: approversOf(requirements), grant: grantLimits(requirements), ...mayDo(opened) };
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
  const grant = verdict === 'grant' ? givenIn(form) : undefined;
  if (verdict !== 'approve' && verdict !== 'deny' && grant === undefined) {
    const words = 'Choose: approve this call, or deny it. Access for a while needs a number of minutes and of calls.';
    return showApproval(context, viewer, id, { status: 400, words, reason });
  }
  if (reason.length > MAX_REASON_CHARS) {
    const words = `The reason may have at most ${MAX_REASON_CHARS} characters. Nothing was decided.`;
    return showApproval(context, viewer, id, { status: 400, words, reason });
  }
  const said = reason.trim() === '' ? undefined : reason;
  const answer = await context.desk.review(viewer.person, id, {
    verdict: verdict === 'deny' ? 'deny' : 'approve',
    reason: said,
    grant,
  });
  if (answer === 'counted') return { location: `/console/approvals/${id}` };
  const status = answer === 'reason_missing' || answer === 'grant_too_wide' ? 422 : 409;
  return showApproval(context, viewer, id, { status, words: reviewRefusedWords(answer), reason });
}

/** What the form gives: whole minutes and calls. Whether it is within the limits is the desk's to say. */
function givenIn(form: URLSearchParams): GivenAccess | undefined {
  const [minutes, uses] = [form.get('minutes') ?? '', form.get('uses') ?? ''];
  if (!/^[1-9]\d{0,5}$/.test(minutes) || !/^[1-9]\d{0,5}$/.test(uses)) return undefined;
  return { forMs: Number(minutes) * 60_000, uses: Number(uses) };
}

function mayDo({ mayNotApprove, mayNotDeny }: OpenedApproval) {
  const verdicts = [
    ...(mayNotApprove === undefined ? (['approve'] as const) : []),
    ...(mayNotDeny === undefined ? (['deny'] as const) : []),
  ];
  const why = mayNotApprove ?? mayNotDeny;
  return { verdicts, whyNot: why === undefined ? undefined : reviewRefusedWords(why) };
}
