// The pages about approvals: the list, and the one on which a person decides. Pure.
import type { Approval, ApprovalState, Review, ShownPreview } from '../core/approval.ts';
import type { GrantLimits } from '../core/grants.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { MAX_REASON_CHARS } from '../core/limits.ts';
import { callerOf } from '../core/principal.ts';
import { html, type Html } from './html.ts';
import { page, type Viewer } from './pages.ts';

export interface ListedApproval {
  readonly approval: Approval;
  readonly mayDecide: boolean;
  /** `one of group finance`. */
  readonly needs: string;
}

export interface ShownApproval {
  readonly approval: Approval;
  readonly needs: string;
  readonly tool: { readonly title: string | undefined; readonly description: string | undefined } | undefined;
  readonly arguments: { readonly values: JsonObject } | { readonly withheld: string };
  /** What the person may say; where it is nothing, `whyNot` says why. */
  readonly verdicts: readonly ('approve' | 'deny')[];
  readonly whyNot: string | undefined;
  readonly reasonRequired: boolean;
  /** Why the agent makes the call, in its own words. */
  readonly justification: string | undefined;
  /** What the call would do; undefined where its tool tells nothing of that. */
  readonly preview: ShownPreview | undefined;
  /** What may be given in the place of this call alone; undefined where nothing may. */
  readonly grant: GrantLimits | undefined;
}

/** What came of a form that was sent: words, and the reason that was typed, so that it need not be typed again. */
export interface Refusal {
  readonly words: string;
  readonly reason: string;
}

const STATES: Record<ApprovalState, { readonly words: string; readonly look: string }> = {
  pending: { words: 'waiting', look: '' },
  approved: { words: 'approved', look: 'good' },
  used: { words: 'approved, and made', look: 'good' },
  denied: { words: 'denied', look: 'bad' },
  expired: { words: 'expired', look: 'quiet' },
  cancelled: { words: 'withdrawn', look: 'quiet' },
};

export function listPage(listed: readonly ListedApproval[], now: number, viewer: Viewer): string {
  const yours = listed.filter(({ approval, mayDecide }) => mayDecide && approval.state === 'pending');
  const others = listed.filter((one) => !yours.includes(one));
  const body = html`<h1>Approvals</h1>
    <h2>Waiting for you</h2>
    ${yours.length === 0 ? html`<p class="quiet">Nothing waits for you.</p>` : list(yours, now)}
    <h2>Others</h2>
    ${others.length === 0 ? html`<p class="quiet">There are no others that you may open.</p>` : list(others, now)}`;
  return page('Approvals', body, viewer);
}

function list(listed: readonly ListedApproval[], now: number): Html {
  const items = listed.map(
    ({ approval, needs }) =>
      html`<li>
        <a href="/console/approvals/${approval.id}"><strong>${approval.tool}</strong></a>
        ${stateOf(approval.state)}<br />
        <span class="quiet"
          >for ${callerOf(approval.principal)}, ${ago(now - approval.requestedAt)}
          ago${approval.state === 'pending' ? `; needs ${needs}; ${ago(approval.expiresAt - now)} left` : ''}</span
        >
      </li>`,
  );
  return html`<ul>
    ${items}
  </ul>`;
}

export function approvalPage(shown: ShownApproval, now: number, viewer: Viewer, refusal?: Refusal): string {
  const { approval, needs, tool } = shown;
  const title = tool?.title ?? approval.tool;
  const open = approval.state === 'pending' || approval.state === 'approved';
  const body = html`${refusal && html`<p class="notice bad" role="alert">${refusal.words}</p>`}
    <h1>${title}</h1>
    <p>
      ${stateOf(approval.state)}
      ${open ? html`<span class="quiet">needs ${needs}; ${ago(approval.expiresAt - now)} left</span>` : undefined}
    </p>
    ${tool?.description === undefined ? undefined : html`<p>${tool.description}</p>`}
    <dl>
      <dt>Tool</dt>
      <dd><code>${approval.tool}</code> on <code>${approval.backend}</code></dd>
      <dt>On behalf of</dt>
      <dd>${approval.principal.subject}</dd>
      <dt>Agent</dt>
      <dd>${approval.principal.actor}</dd>
      <dt>${approval.requirements.length === 1 ? 'Rule' : 'Rules'}</dt>
      <dd>${approval.requirements.map(({ rule }) => rule).join(', ')}</dd>
      <dt>Asked</dt>
      <dd>${time(approval.requestedAt)}</dd>
      <dt>Until</dt>
      <dd>${time(approval.expiresAt)}</dd>
      <dt>Digest</dt>
      <dd><code>${approval.digest.slice(0, 12)}</code></dd>
    </dl>
    <h2>What will be sent</h2>
    ${argumentsOf(shown.arguments)} ${shown.preview === undefined ? undefined : previewOf(shown.preview)}
    ${
      shown.justification === undefined
        ? undefined
        : html`<h2>Why, in the agent's words</h2>
            <blockquote><pre>${shown.justification}</pre></blockquote>`
    }
    ${
      approval.reviews.length === 0
        ? undefined
        : html`<h2>Said so far</h2>
            <ul>
              ${approval.reviews.map(reviewOf)}
            </ul>`
    }
    ${shown.verdicts.length === 0 ? html`<p class="notice quiet">${shown.whyNot}</p>` : decisionForm(shown, viewer, refusal)}`;
  return page(title, body, viewer);
}

/** Enter in a field presses a form's first button (HTML, section 4.10.21.2): a decision is made by its own button alone. */
const NO_DECISION_BY_ENTER = html`<button type="submit" disabled hidden></button>`;

function decisionForm(shown: ShownApproval, { csrf }: Viewer, refusal: Refusal | undefined): Html {
  const { approval, verdicts, reasonRequired } = shown;
  const required = reasonRequired ? html` required` : undefined;
  const note = reasonRequired ? 'The rule asks for one. ' : 'Optional. ';
  const approve = html`<button class="approve" type="submit" name="verdict" value="approve">Approve this call</button>`;
  const deny = html`<button class="deny" type="submit" name="verdict" value="deny">Deny</button>`;
  return html`<h2>Your decision</h2>
    <form method="post" action="/console/approvals/${approval.id}">
      <input type="hidden" name="csrf" value="${csrf}" />
      ${NO_DECISION_BY_ENTER}
      <label for="reason">Reason</label>
      <p class="quiet" id="reason-note">${note}If you deny, the agent is told it; either way it is in the log.</p>
      <textarea id="reason" name="reason" maxlength="${MAX_REASON_CHARS}" aria-describedby="reason-note" ${required}>
${refusal?.reason}</textarea>
      <div class="choices">
        ${verdicts.includes('approve') ? approve : undefined}${verdicts.includes('deny') ? deny : undefined}
      </div>
      ${verdicts.includes('approve') ? grantFields(shown) : undefined}
    </form>`;
}

const MINUTE_MS = 60_000;

/** In whole minutes, as people count them. */
function grantFields({ grant, approval }: ShownApproval): Html | undefined {
  const minutes = Math.floor((grant?.atMostMs ?? 0) / MINUTE_MS);
  if (grant === undefined || minutes === 0) return undefined;
  const same = grant.same.length === 0 ? 'with any arguments' : `with the same ${grant.same.join(', ')}`;
  return html`<fieldset>
    <legend>Or access for a while</legend>
    <p>The same agent may then call <code>${approval.tool}</code> in this session, ${same}, without asking again.</p>
    <label for="minutes">Minutes, at most ${minutes}</label>
    <input id="minutes" name="minutes" type="number" min="1" max="${minutes}" value="${minutes}" />
    <label for="uses">Calls, this one included, at most ${grant.uses}</label>
    <input id="uses" name="uses" type="number" min="1" max="${grant.uses}" value="${grant.uses}" />
    <div class="choices"><button type="submit" name="verdict" value="grant">Approve for a while</button></div>
  </fieldset>`;
}

function previewOf(shown: ShownPreview): Html {
  const heading = html`<h2>What it would do</h2>`;
  if ('withheld' in shown)
    return html`${heading}
      <p class="notice bad">${shown.withheld}</p>`;
  const plan =
    shown.plan &&
    html`<details>
      <summary>How the backend would do it</summary>
      <pre>${shown.plan}</pre>
    </details>`;
  return html`${heading}
    <pre>${shown.lines.join('\n')}</pre>
    ${plan === '' ? undefined : plan}`;
}

function argumentsOf(shown: ShownApproval['arguments']): Html {
  if ('withheld' in shown) {
    return html`<p class="notice bad">The arguments cannot be shown. ${shown.withheld}</p>`;
  }
  const entries = Object.entries(shown.values);
  if (entries.length === 0) return html`<p class="quiet">This tool takes no arguments.</p>`;
  return html`<dl>
    ${entries.map(
      ([name, value]) =>
        html`<dt><code>${name}</code></dt>
          <dd><pre>${textOf(value)}</pre></dd>`,
    )}
  </dl>`;
}

/** As JSON, so that `"1"` and `1` are told apart. */
function textOf(value: Json): string {
  return JSON.stringify(value, null, 2);
}

function reviewOf({ person, verdict, reason, at }: Review): Html {
  const said = verdict === 'approve' ? html`<span class="good">approved</span>` : html`<span class="bad">denied</span>`;
  return html`<li>
    <strong>${person.name}</strong> ${said} <span class="quiet">${time(at)}</span>${
      reason === undefined ? undefined : html`<br />${reason}`
    }
  </li>`;
}

function stateOf(state: ApprovalState): Html {
  const { words, look } = STATES[state];
  return html`<span class="state ${look}">${words}</span>`;
}

function time(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

/** `50 s`, `14 min`, `3 h`, `2 d`. */
function ago(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min`;
  return s < 86_400 ? `${Math.floor(s / 3_600)} h` : `${Math.floor(s / 86_400)} d`;
}
