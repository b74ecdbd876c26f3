// The console's pages: plain HTML without scripts. Pure.
import type { Person, Role } from '../core/approval.ts';
import { html, type Html } from './html.ts';

/** Who looks, and what their forms must bring along. */
export interface Viewer {
  readonly person: Person;
  /** Against requests that another site makes a browser send. */
  readonly csrf: string;
  readonly roles: readonly Role[];
}

export function page(title: string, body: Html, viewer: Viewer | undefined): string {
  const signedIn =
    viewer &&
    html`<form method="post" action="/console/sign-out">
      <input type="hidden" name="csrf" value="${viewer.csrf}" />
      <span class="quiet">Signed in as <strong>${viewer.person.name}</strong></span>
      <button type="submit">Sign out</button>
    </form>`;
  const whole = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} – Sallyport</title>
        <link rel="stylesheet" href="/console/style.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <header>
          <nav>
            <a href="/console/approvals">Sallyport approvals</a> <a href="/console/grants">Access for a while</a>
            ${viewer?.roles.some((role) => role === 'admin' || role === 'auditor') === true ? html`<a href="/console/switches">Switches</a>` : ''}
          </nav>
          ${signedIn}
        </header>
        <main>${body}</main>
      </body>
    </html> `;
  return whole.toString();
}

/** Something did not work, or is over: what it was, and where to go from here. */
export function messagePage(
  title: string,
  words: string,
  next: { readonly href: string; readonly text: string },
  viewer?: Viewer,
): string {
  const body = html`<h1>${title}</h1>
    <p>${words}</p>
    <p><a href="${next.href}">${next.text}</a></p>`;
  return page(title, body, viewer);
}
