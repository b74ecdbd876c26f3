// The pages on which people stop things: the switches, for admins, and access that was given for a while. Pure.
import type { Grant } from '../core/grants.ts';
import type { LeaseRecord } from '../core/lease-records.ts';
import { MAX_REASON_CHARS } from '../core/limits.ts';
import { callerOf } from '../core/principal.ts';
import { PRINCIPAL_KINDS, type SeenSession, type Switch } from '../core/switches.ts';
import { html, type Html } from './html.ts';
import { page, type Viewer } from './pages.ts';

export interface ShownSwitches {
  readonly blocks: readonly Switch[];
  readonly sessions: readonly (SeenSession & { readonly blocked: Switch | undefined })[];
  readonly backends: readonly {
    readonly name: string;
    readonly kind: string | undefined;
    readonly leases: number;
    readonly disabled: Switch | undefined;
  }[];
  readonly leases: readonly LeaseRecord[];
  /** Whether the person may change anything, or look alone. */
  readonly mayChange: boolean;
}

/** One button, and what it sends. */
interface Action {
  readonly action: string;
  readonly target: string;
  readonly label: string;
}

export function switchesPage(shown: ShownSwitches, viewer: Viewer, refusal: string | undefined): string {
  const { blocks, sessions, backends, leases, mayChange } = shown;
  const change = (action: Action): Html | undefined => (mayChange ? changeForm(action, viewer) : undefined);
  const body = html`${notice(refusal)}
    <h1>Switches</h1>
    <p class="quiet">
      What is stopped here is stopped at every broker within a second, and stands in the log with your reason.
    </p>
    <h2>Blocked</h2>
    ${list(
      'Nobody is blocked.',
      blocks.map(
        (block) =>
          html`<li>
            <strong>${nameOf(block)}</strong><br /><span class="quiet">${becauseOf(block)}</span>
            ${change({ action: 'unblock', target: targetOf(block), label: `Unblock ${nameOf(block)}` })}
          </li>`,
      ),
    )}
    ${mayChange ? blockForm(viewer) : undefined}
    <h2>Running sessions</h2>
    ${list(
      'No session runs.',
      sessions.map(
        ({ id, label, principal, lastSeenAt, blocked }) =>
          html`<li>
            <strong>${callerOf(principal)}</strong> ${blocked && html`<span class="state bad">blocked</span>`}<br />
            <span class="quiet">session <code>${id}</code> ${label}, last call ${time(lastSeenAt)}</span>
          </li>`,
      ),
    )}
    <h2>Backends</h2>
    ${list(
      'No tool is declared on any backend.',
      backends.map(
        ({ name, kind, leases: open, disabled }) =>
          html`<li>
            <strong>${name}</strong> ${
              disabled === undefined
                ? html`<span class="state good">enabled</span>`
                : html`<span class="state bad">disabled</span>`
            }<br />
            <span class="quiet"
              >${kind ?? 'not declared'}, open leases: ${open}${disabled && `; ${becauseOf(disabled)}`}</span
            >
            ${
              disabled === undefined
                ? change({ action: 'disable', target: name, label: `Disable ${name}` })
                : change({ action: 'enable', target: name, label: `Enable ${name}` })
            }
          </li>`,
      ),
    )}
    <h2>Open leases</h2>
    ${list(
      'No lease is open.',
      leases.map(
        ({ id, backend, reference, principal, expiresAt, recalledAt }) =>
          html`<li>
            <strong>${reference}</strong> on ${backend} ${recalledAt && html`<span class="state bad">ending</span>`}<br />
            <span class="quiet">for ${callerOf(principal)}, until ${time(expiresAt)}</span>
            ${
              recalledAt === undefined
                ? change({ action: 'revoke', target: id, label: `Revoke ${reference}` })
                : undefined
            }
          </li>`,
      ),
    )}`;
  return page('Switches', body, viewer);
}

export function grantsPage(grants: readonly Grant[], viewer: Viewer, refusal: string | undefined): string {
  const body = html`${notice(refusal)}
    <h1>Access for a while</h1>
    ${list(
      'No access that you may see was given for a while.',
      grants.map(
        ({ id, approval, tool, principal, uses, usesLeft, expiresAt }) =>
          html`<li>
            <a href="/console/approvals/${approval}"><strong>${tool}</strong></a> for ${callerOf(principal)}<br />
            <span class="quiet">${usesLeft} of ${uses} calls left, until ${time(expiresAt)}</span>
            <form method="post" action="/console/grants">
              <input type="hidden" name="csrf" value="${viewer.csrf}" />
              <input type="hidden" name="grant" value="${id}" />
              <button class="deny" type="submit" aria-label="Revoke ${tool} for ${callerOf(principal)}">Revoke</button>
            </form>
          </li>`,
      ),
    )}`;
  return page('Access for a while', body, viewer);
}

/** Folded, so that the page can be read: the reason is asked for where the change is made. */
function changeForm({ action, target, label }: Action, { csrf }: Viewer): Html {
  return html`<details>
    <summary>${label}</summary>
    <form method="post" action="/console/switches">
      <input type="hidden" name="csrf" value="${csrf}" />
      <input type="hidden" name="target" value="${target}" />
      ${reasonField(`${action}-${target}`)}
      <div class="choices"><button class="deny" type="submit" name="action" value="${action}">${label}</button></div>
    </form>
  </details>`;
}

function blockForm({ csrf }: Viewer): Html {
  return html`<details>
    <summary>Block somebody</summary>
    <form method="post" action="/console/switches">
      <input type="hidden" name="csrf" value="${csrf}" />
      <label for="kind">What is meant</label>
      <select id="kind" name="kind">
        ${PRINCIPAL_KINDS.map((kind) => html`<option>${kind}</option>`)}
      </select>
      <label for="name">Its name in the log, or the id of the session</label>
      <input id="name" name="name" type="text" maxlength="1000" required />
      ${reasonField('block')}
      <div class="choices"><button class="deny" type="submit" name="action" value="block">Block</button></div>
    </form>
  </details>`;
}

function reasonField(of: string): Html {
  return html`<label for="reason-${of}">Reason</label>
    <input id="reason-${of}" name="reason" type="text" maxlength="${MAX_REASON_CHARS}" required />`;
}

function list(empty: string, items: readonly Html[]): Html {
  return items.length === 0
    ? html`<p class="quiet">${empty}</p>`
    : html`<ul>
        ${items}
      </ul>`;
}

function notice(words: string | undefined): Html | undefined {
  return words === undefined ? undefined : html`<p class="notice bad" role="alert">${words}</p>`;
}

/** `kind`, `issuer` and `name` as the form brings them back. */
function targetOf({ kind, name, issuer }: Switch): string {
  return JSON.stringify([kind, name, issuer ?? null]);
}

function nameOf({ kind, name, issuer }: Switch): string {
  return `${kind} ${name}${issuer === undefined ? '' : ` of ${issuer}`}`;
}

function becauseOf({ person, at, reason }: Switch): string {
  return `by ${person.name}, ${minute(at)}: ${reason}`;
}

function time(at: number): Html {
  return html`<time datetime="${new Date(at).toISOString()}">${minute(at)}</time>`;
}

function minute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
