// What the console shows of switches and grants, and what comes of a change; from the desks to a page.
import type { ApprovalDesk } from './approval/approval-desk.ts';
import { messagePage, type Viewer } from './console/pages.ts';
import { grantsPage, switchesPage } from './console/switch-pages.ts';
import { MAX_REASON_CHARS } from './core/limits.ts';
import { PRINCIPAL_KINDS } from './core/switches.ts';
import { GRANT_PROBLEMS } from './http-api-operations.ts';
import { switchProblem } from './http-api-switches.ts';
import type { Shown } from './http-console-approvals.ts';
import type { OperatorDesk, PrincipalTarget, SwitchRefused } from './switches/operator-desk.ts';

interface Context {
  readonly desk: ApprovalDesk;
  readonly operators: OperatorDesk;
}

interface Refusal {
  readonly status: number;
  readonly words: string;
}

const LISTED = 200;

export async function showSwitches({ desk, operators }: Context, viewer: Viewer, refusal?: Refusal): Promise<Shown> {
  const roles = desk.rolesOf(viewer.person);
  const mayChange = roles.includes('admin');
  if (!mayChange && !roles.includes('auditor')) {
    const words = 'The switches are for people with the role admin; auditors may look.';
    const list = { href: '/console/approvals', text: 'To the approvals' };
    return { status: 403, page: messagePage('Not for you', words, list, viewer) };
  }
  const [blocks, sessions, backends, leases] = await Promise.all([
    operators.blocks(),
    operators.sessions(LISTED),
    operators.backends(),
    operators.leases(LISTED),
  ]);
  const page = switchesPage({ blocks, sessions, backends, leases, mayChange }, viewer, refusal?.words);
  return { status: refusal?.status ?? 200, page };
}

/** A change that was made is shown on the page it leads to; one that was not, with the reason why. */
export async function takeSwitch(context: Context, viewer: Viewer, form: URLSearchParams): Promise<Shown> {
  if (!context.desk.rolesOf(viewer.person).includes('admin')) {
    return showSwitches(context, viewer, { status: 403, words: 'Only admins may change this. Nothing was changed.' });
  }
  const reason = (form.get('reason') ?? '').trim();
  if (reason === '' || reason.length > MAX_REASON_CHARS) {
    const words = `Say why, in at most ${MAX_REASON_CHARS} characters. Nothing was changed.`;
    return showSwitches(context, viewer, { status: 422, words });
  }
  const answer = await change(context.operators, viewer, form, reason);
  if (answer === undefined) {
    return showSwitches(context, viewer, { status: 400, words: 'This form is not complete. Nothing was changed.' });
  }
  if (typeof answer === 'string' || !('refused' in answer)) return { location: '/console/switches' };
  const { status, title, detail } = switchProblem(answer);
  return showSwitches(context, viewer, { status, words: `${title} ${detail}` });
}

/** Undefined where the form names no change. */
async function change(
  operators: OperatorDesk,
  { person }: Viewer,
  form: URLSearchParams,
  reason: string,
): Promise<string | object | SwitchRefused | undefined> {
  const target = form.get('target') ?? '';
  const principal = principalIn(form);
  switch (form.get('action')) {
    case 'block':
      return principal && operators.block(person, principal, reason);
    case 'unblock':
      return principal && operators.unblock(person, principal, reason);
    case 'disable':
      return operators.disable(person, target, reason);
    case 'enable':
      return operators.enable(person, target, reason);
    case 'revoke':
      return operators.revokeLease(person, target, reason);
    default:
      return undefined;
  }
}

/** A new one stands in fields of its own; one that is listed comes back as the page wrote it. */
function principalIn(form: URLSearchParams): PrincipalTarget | undefined {
  const listed = /^\["(subject|agent|session)",.*\]$/s.test(form.get('target') ?? '') ? form.get('target') : null;
  const given: unknown = listed === null ? [form.get('kind'), form.get('name'), null] : parsed(listed);
  if (!Array.isArray(given)) return undefined;
  const [kind, name, issuer] = given as readonly unknown[];
  const known = PRINCIPAL_KINDS.find((one) => one === kind);
  if (known === undefined || typeof name !== 'string' || name.trim() === '') return undefined;
  return { kind: known, name: name.trim(), ...(typeof issuer === 'string' ? { issuer } : {}) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function showGrants({ desk }: Context, viewer: Viewer, refusal?: Refusal): Promise<Shown> {
  const grants = await desk.grants(viewer.person, { running: true, limit: LISTED });
  return { status: refusal?.status ?? 200, page: grantsPage(grants, viewer, refusal?.words) };
}

export async function takeGrantBack(context: Context, viewer: Viewer, form: URLSearchParams): Promise<Shown> {
  const answer = await context.desk.revoke(viewer.person, form.get('grant') ?? '');
  if (answer === 'revoked') return { location: '/console/grants' };
  const { status, title, detail } = GRANT_PROBLEMS[answer];
  return showGrants(context, viewer, { status, words: `${title} ${detail}` });
}
