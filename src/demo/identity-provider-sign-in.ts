// Answers the sign-in page of the demo's OpenID provider: shows the form, checks the password, hands back to the flow.
import { timingSafeEqual, createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Provider } from 'oidc-provider';
import type { Person } from './identity-provider.ts';
import { messagePage, signInPage } from './identity-provider-pages.ts';

export async function answerSignIn(
  provider: Provider,
  people: ReadonlyMap<string, Person>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const action = request.url ?? '/';
  try {
    await provider.interactionDetails(request, response);
  } catch {
    show(response, 400, messagePage('This sign-in has ended', 'Go back to where you came from, and start again.'));
    return;
  }
  if (request.method !== 'POST') {
    show(response, 200, signInPage({ action, email: '' }));
    return;
  }
  const form = new URLSearchParams(await text(request));
  const email = form.get('email') ?? '';
  const person = people.get(email);
  if (!person || !samePassword(person.password, form.get('password') ?? '')) {
    show(response, 401, signInPage({ action, email, problem: 'The e-mail address and the password do not fit.' }));
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: person.email } });
}

function samePassword(expected: string, given: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

function show(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(html);
}
