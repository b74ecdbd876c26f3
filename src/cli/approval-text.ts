// Approvals in words, for a terminal. Pure; what is returned may be printed as it is.
import { colours as pc } from './colours.ts';
import type { z } from 'zod';
import type { ApprovalState } from '../core/approval.ts';
import { callerOf } from '../core/principal.ts';
import { printable } from '../core/printable.ts';
import type { approvalSchema, openedSchema } from '../http-api-schema.ts';

export type ListedApproval = z.output<typeof approvalSchema>;
export type ShownApproval = z.output<typeof openedSchema>;

const LOOKS: Record<ApprovalState, (text: string) => string> = {
  pending: pc.yellow,
  approved: pc.green,
  used: pc.green,
  denied: pc.red,
  expired: pc.dim,
  cancelled: pc.dim,
};

/** One line: id, state, tool, for whom, and what it still needs. */
export function approvalLine(approval: ListedApproval, now: number): string {
  const { id, state, tool, needs, mayApprove } = approval;
  const open = state === 'pending' || state === 'approved';
  const wants = open ? `  ${pc.dim(`needs ${printable(needs)}, ${timeLeft(approval.expiresAt, now)} left`)}` : '';
  const yours = state === 'pending' && mayApprove ? `  ${pc.bold('waits for you')}` : '';
  return `${id}  ${LOOKS[state](state.padEnd(9))}  ${printable(tool)}  ${printable(callerOf(approval.principal))}${wants}${yours}\n`;
}

/** Everything there is to know before one decides. Arguments are JSON, so that `"1"` and `1` are told apart. */
export function approvalStory(approval: ShownApproval, now: number): string {
  const { state, reviews } = approval;
  const open = state === 'pending' || state === 'approved';
  const lines = [
    `${pc.bold(printable(approval.tool))} on ${printable(approval.backend)}  ${LOOKS[state](state)}`,
    row('id', approval.id),
    row('for', callerOf(approval.principal)),
    row('rules', approval.requirements.map(({ rule }) => rule).join(', ')),
    ...(open
      ? [row('needs', approval.needs), row('until', `${approval.expiresAt} (${timeLeft(approval.expiresAt, now)})`)]
      : []),
    ...(open && approval.grant !== undefined ? [row('or', grantWords(approval.grant))] : []),
    row('digest', approval.digest),
    row('page', approval.page),
    ...(approval.justification === undefined ? [] : [row('because', approval.justification)]),
    ...approval.deliveries.map((delivery) => row(delivery.channel, deliveryWords(delivery))),
    '',
    ...argumentsOf(approval),
    ...previewOf(approval),
    ...reviews.map(({ person, verdict, reason, at }) => {
      const said = verdict === 'approve' ? pc.green('approved') : pc.red('denied');
      return `${printable(person.name)} ${said} ${pc.dim(at)}${reason === undefined ? '' : `: ${printable(reason)}`}`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function argumentsOf({ arguments: shown, withheld }: ShownApproval): string[] {
  if (shown === null) return [pc.red(`The arguments cannot be shown. ${printable(withheld ?? '')}`), ''];
  const entries = Object.entries(shown);
  if (entries.length === 0) return [pc.dim('This tool takes no arguments.'), ''];
  return [...entries.map(([name, value]) => `  ${printable(name)}: ${printable(JSON.stringify(value))}`), ''];
}

function grantWords({ atMostMs, uses, same }: NonNullable<ShownApproval['grant']>): string {
  const unchanged = same.length === 0 ? '' : `, with the same ${same.join(', ')}`;
  return `for up to ${String(Math.floor(atMostMs / 60_000))}m (--for) and ${String(uses)} calls (--uses)${unchanged}`;
}

function previewOf({ preview }: ShownApproval): string[] {
  if (preview === undefined) return [];
  const { lines = [], plan, withheld } = preview;
  if (withheld !== undefined) return [`${pc.dim('What it would do')}: ${printable(withheld)}`, ''];
  const shown = [pc.dim('What it would do'), ...lines.map((line) => `  ${printable(line)}`)];
  const planned = plan?.split('\n').map((line) => `  ${printable(line)}`) ?? [];
  return [...shown, ...(planned.length === 0 ? [] : [pc.dim('How the backend would do it'), ...planned]), ''];
}

function deliveryWords({ part, state, attempts, nextAttemptAt, error }: ShownApproval['deliveries'][number]): string {
  const tried = nextAttemptAt === undefined ? '' : `, tried ${attempts} times, next at ${nextAttemptAt}`;
  return `${part} ${state.replace('_', ' ')}${tried}${error === undefined ? '' : `: ${error}`}`;
}

function row(name: string, value: string): string {
  return `${pc.dim(name.padEnd(8))} ${printable(value)}`;
}

/** `50 s`, `14 min`, `3 h`. */
export function timeLeft(until: string, now: number): string {
  const s = Math.max(0, Math.round((Date.parse(until) - now) / 1000));
  if (s < 60) return `${s} s`;
  return s < 3_600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3_600)} h`;
}
