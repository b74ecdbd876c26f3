// The console under /console, mounted by src/http.ts: people sign in, see what waits for them, and decide. A GET decides
// nothing; a POST counts only from the console's own pages, with the token their forms carry.
import { timingSafeEqual, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApprovalDesk } from './approval/approval-desk.ts';
import { messagePage, type Viewer } from './console/pages.ts';
import type { SealedCookie } from './console/sealed-cookie.ts';
import { STYLE } from './console/style.ts';
import type { Person } from './core/approval.ts';
import type { Clock } from './core/clock.ts';
import { StoreError } from './core/errors.ts';
import type { JsonObject } from './core/json.ts';
import type { Logger } from './core/logger.ts';
import { MAX_FORM_BYTES } from './core/limits.ts';
import { SignInError } from './core/sign-in-error.ts';
import type { Switches } from './core/switches.ts';
import type { HttpMount } from './http-api.ts';
import { readBytes } from './http-body.ts';
import { showApproval, showApprovals, takeDecision, type Shown } from './http-console-approvals.ts';
import { showGrants, showSwitches, takeGrantBack, takeSwitch } from './http-console-switches.ts';
import type { PeopleSignIn, SignInAttempt } from './identity/people-sign-in.ts';
import type { OperatorDesk } from './switches/operator-desk.ts';

export interface HttpConsoleOptions {
  readonly publicUrl: string;
  readonly desk: ApprovalDesk;
  readonly operators: OperatorDesk;
  /** Who is blocked sees and changes nothing. Rejects with StoreError. */
  readonly isBlocked: Switches['isBlocked'];
  readonly signIn: PeopleSignIn;
  /** Who is signed in; see Viewer. */
  readonly session: SealedCookie;
  /** A sign-in under way. */
  readonly attempt: SealedCookie;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes down that somebody signed in. Rejects with StoreError: then they did not. */
  onSignedIn(person: Person): Promise<void>;
}

const LIST = '/console/approvals';
const GRANTS = '/console/grants';
const SWITCHES = '/console/switches';
/** What a person who has signed in may open, and send forms to. */
const PAGES: readonly string[] = [LIST, GRANTS, SWITCHES];
const APPROVAL = /^\/console\/approvals\/([0-9a-f-]{36})$/;

const HEADERS = new Map([
  ['Content-Security-Policy', "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"],
  // Without it browsers would send `Origin: null` with the console's own forms (Fetch, section "append a request Origin header").
  ['Referrer-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
]); // prettier-ignore

/** What the session's cookie holds. */
type SignedIn = Omit<Viewer, 'roles'>;

/** @returns what answers every request under /console; `refusal` are the words of Host and Origin, where they do not hold */
export function createHttpConsole(options: HttpConsoleOptions): HttpMount {
  const { publicUrl, desk, operators, signIn, session, attempt, clock, logger } = options;
  const context = { desk, operators, clock };

  async function viewerOf(request: IncomingMessage): Promise<Viewer | undefined> {
    const content = (await session.read(request.headers.cookie)) as unknown as SignedIn | undefined;
    return content && { ...content, roles: desk.rolesOf(content.person) };
  }

  async function beginSignIn(response: ServerResponse, to: string): Promise<void> {
    const { address, attempt: begun } = await signIn.begin();
    const cookie = await attempt.write({ ...begun, to });
    if (cookie !== undefined) response.setHeader('Set-Cookie', cookie);
    redirect(response, address.href);
  }

  async function finishSignIn(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const begun = (await attempt.read(request.headers.cookie)) as unknown as
      (SignInAttempt & { to: string }) | undefined;
    if (begun === undefined) {
      const words = 'This sign-in did not begin in this browser, took too long, or cookies are switched off here.';
      send(response, 400, messagePage('You are not signed in', words, again(LIST)));
      return;
    }
    const person = await signIn.finish(url, begun);
    const signedIn: SignedIn = { person, csrf: randomBytes(18).toString('base64url') };
    const cookie = await session.write(signedIn as unknown as JsonObject);
    if (cookie === undefined) {
      const words = `You are in ${person.groups.length} groups, more than a browser can be given to remember. Use \`sallyport login\` instead, or ask for fewer groups in what the issuer tells this broker.`;
      send(response, 400, messagePage('You are not signed in', words, again(LIST)));
      return;
    }
    await options.onSignedIn(person);
    response.setHeader('Set-Cookie', [cookie, attempt.clear()]);
    redirect(response, begun.to);
  }

  async function get(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname;
    if (path === '/console/style.css') {
      send(response, 200, STYLE, 'text/css; charset=utf-8');
    } else if (path === '/console/callback') {
      await finishSignIn(request, response, url);
    } else if (path === '/console/signed-out') {
      const words =
        'You are signed out of Sallyport. The issuer may still know you: sign out there, too, if others use this browser.';
      send(response, 200, messagePage('Signed out', words, again(LIST)));
    } else if (path === '/console' || path === '/console/') {
      redirect(response, LIST);
    } else if (PAGES.includes(path) || APPROVAL.test(path)) {
      const viewer = await viewerOf(request);
      const id = APPROVAL.exec(path)?.[1];
      if (viewer === undefined) await beginSignIn(response, path);
      else if (await options.isBlocked(viewer.person)) send(response, 403, blockedPage(viewer));
      else if (path === GRANTS) show(response, await showGrants(context, viewer));
      else if (path === SWITCHES) show(response, await showSwitches(context, viewer));
      else if (id === undefined) show(response, await showApprovals(context, viewer));
      else show(response, await showApproval(context, viewer, id));
    } else {
      send(response, 404, messagePage('There is nothing here', 'The address may be cut off, or mistyped.', back()));
    }
  }

  async function post(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const id = APPROVAL.exec(url.pathname)?.[1];
    const path = url.pathname;
    if (id === undefined && !['/console/sign-out', GRANTS, SWITCHES].includes(path)) {
      response.setHeader('Allow', 'GET');
      send(response, 405, messagePage('This cannot be sent here', 'Nothing was changed.', back()));
      return;
    }
    const viewer = await viewerOf(request);
    if (viewer === undefined) {
      const words = 'Your sign-in has ended, and nothing was changed. Sign in again, and send it once more.';
      send(
        response,
        401,
        messagePage('You are not signed in', words, again(path === '/console/sign-out' ? LIST : path)),
      );
      return;
    }
    const form = await readForm(request);
    if (form === undefined || request.headers.origin !== publicUrl || !sameText(form.get('csrf') ?? '', viewer.csrf)) {
      const words = 'This did not come from a page of this console that is still valid. Nothing was changed.';
      send(response, 403, messagePage('Not accepted', words, back(url.pathname), viewer));
      return;
    }
    if (path === '/console/sign-out') {
      response.setHeader('Set-Cookie', session.clear());
      redirect(response, '/console/signed-out');
    } else if (await options.isBlocked(viewer.person)) send(response, 403, blockedPage(viewer));
    else if (path === GRANTS) show(response, await takeGrantBack(context, viewer, form));
    else if (path === SWITCHES) show(response, await takeSwitch(context, viewer, form));
    else if (id !== undefined) show(response, await takeDecision(context, viewer, id, form));
  }

  return async (request, response, refusal) => {
    response.setHeaders(HEADERS);
    const url = new URL(request.url ?? '/', publicUrl);
    try {
      if (refusal !== undefined) send(response, 403, messagePage('Not from here', refusal, back()));
      else if (request.method === 'GET' || request.method === 'HEAD') await get(request, response, url);
      else if (request.method === 'POST') await post(request, response, url);
      else {
        response.setHeader('Allow', 'GET, HEAD, POST');
        send(response, 405, messagePage('This cannot be done here', 'Nothing was changed.', back()));
      }
    } catch (error) {
      if (error instanceof SignInError) {
        logger.warn({ err: error }, 'a person could not sign in to the console');
        send(response, 502, messagePage('You are not signed in', error.message, again(LIST)));
      } else if (error instanceof StoreError) {
        const words = 'The broker cannot keep its record at the moment, so nothing was changed. Try again in a minute.';
        send(response, 503, messagePage('Not now', words, back(url.pathname)));
      } else throw error;
    }
  };
}

function show(response: ServerResponse, shown: Shown): void {
  if ('location' in shown) redirect(response, shown.location);
  else send(response, shown.status, shown.page);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { Location: location, 'Content-Length': 0 });
  response.end();
}

function send(response: ServerResponse, status: number, text: string, type = 'text/html; charset=utf-8'): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function blockedPage(viewer: Viewer): string {
  const words = 'An operator has blocked you here. Nothing was shown or changed. Ask another admin to unblock you.';
  return messagePage('You are blocked', words, again(LIST), viewer);
}

function again(to: string): { href: string; text: string } {
  return { href: to, text: 'Sign in' };
}

function back(to = LIST): { href: string; text: string } {
  if (APPROVAL.test(to)) return { href: to, text: 'Back to the approval' };
  return to === GRANTS || to === SWITCHES ? { href: to, text: 'Back' } : { href: LIST, text: 'To the list' };
}

/** Undefined where it is no form, is too large, or was cut off. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const [type] = (request.headers['content-type'] ?? '').split(';');
  if (type?.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return undefined;
  const bytes = await readBytes(request, MAX_FORM_BYTES);
  return Buffer.isBuffer(bytes) ? new URLSearchParams(bytes.toString('utf8')) : undefined;
}

function sameText(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
