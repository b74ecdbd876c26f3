// A stand-in for Slack on loopback: takes messages by incoming webhook and Web API as Slack does, shows them on a page,
// and sends clicks back signed. Used by the demo and by the tests.
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  blocksProblem,
  stateOf,
  viewProblem,
  type Entered,
  type StandInBlock,
  type StandInView,
} from './slack-stand-in-blocks.ts';
import { messagesPage } from './slack-stand-in-page.ts';

export interface StandInMessage {
  readonly ts: string;
  text: string;
  blocks: readonly StandInBlock[];
  /** How often it was changed in its place. */
  changes: number;
}

export interface StandInUser {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  /** Of the workspace; others are guests from elsewhere. */
  readonly team?: string;
}

export interface Click extends Entered {
  readonly user: string;
  readonly verdict: 'approve' | 'deny';
}

/** A dialog that is open before somebody. */
export interface StandInDialog {
  readonly user: string;
  readonly view: StandInView;
  /** What the broker had to say against what was entered. */
  errors: readonly string[];
}

export interface SlackStandIn extends AsyncDisposable {
  /** The page with all messages. */
  readonly url: string;
  readonly webhook: string;
  readonly api: string;
  readonly signingSecret: string;
  readonly botToken: string;
  readonly channel: string;
  /** The newest last. */
  readonly messages: readonly StandInMessage[];
  /** What single people were told, in the order they were. */
  readonly ephemeral: readonly string[];
  /** Where clicks go: the broker's /hooks/slack. */
  callBack(url: string): void;
  /** From now on it answers like this; undefined: as it should. */
  answerWith(status: number | undefined, headers?: Readonly<Record<string, string>>): void;
  /** The body of the callback that a click sends. */
  payload(ts: string, click: Click): string;
  /** A callback as Slack signs it. @param at seconds since the Unix epoch */
  sign(
    body: string,
    at?: number,
  ): { readonly method: 'POST'; readonly headers: Record<string, string>; readonly body: string };
  /** Clicks, and gives what the broker answered. */
  click(ts: string, click: Click): Promise<Response>;
  /** Those that are open, the newest last. */
  readonly dialogs: readonly StandInDialog[];
  /** The body of the callback that sends the newest dialog off. */
  submission(entered: Entered): string;
  /** Sends it off; it closes where the broker has nothing against it. */
  submit(entered: Entered): Promise<Response>;
}

export interface SlackStandInOptions {
  readonly users?: readonly StandInUser[];
}

const TEAM = 'T0SALLYPORT';

/** Resolves when it answers, on a free port of loopback. Secrets are fresh. */
export async function startSlackStandIn({ users = [] }: SlackStandInOptions = {}): Promise<SlackStandIn> {
  const secret = (): string => randomBytes(16).toString('hex');
  const [path, signingSecret, botToken, channel] = [secret(), secret(), `xoxb-${secret()}`, 'C0APPROVALS'];
  const messages: StandInMessage[] = [];
  const ephemeral: string[] = [];
  const dialogs: StandInDialog[] = [];
  /** Who may be shown a dialog, once, for a click of theirs. */
  const triggers = new Map<string, string>();
  /** Response addresses, each for one click. */
  const responses = new Map<string, { readonly ts: string; uses: number }>();
  let target: string | undefined;
  let failure: { readonly status: number; readonly headers: Readonly<Record<string, string>> } | undefined;
  let count = 0;

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const { pathname } = new URL(request.url ?? '/', url);
    if (request.method === 'GET' && pathname === '/') {
      response
        .writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
        .end(messagesPage(messages, users, ephemeral, dialogs));
    } else if (request.method !== 'POST') response.writeHead(404).end();
    else if (pathname === '/click') await clickFromPage(new URLSearchParams(body), response);
    else if (pathname === '/submit') await submitFromPage(new URLSearchParams(body), response);
    else if (failure !== undefined) response.writeHead(failure.status, failure.headers).end('service_unavailable');
    else if (pathname === `/services/${path}`) answerText(response, post(parse(body)).problem);
    else if (pathname.startsWith('/actions/')) answerText(response, respond(pathname, parse(body)));
    else if (pathname.startsWith('/api/')) {
      const authorized = request.headers.authorization === `Bearer ${botToken}`;
      const answer = authorized ? callApi(pathname.slice(5), body) : { ok: false, error: 'invalid_auth' };
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    } else response.writeHead(404).end('no_service');
  }

  function post(message: Message): { readonly problem: string | undefined; readonly ts: string } {
    const problem = blocksProblem(message.blocks ?? []);
    const ts = `${String(Math.floor(Date.now() / 1_000))}.${String(++count).padStart(6, '0')}`;
    if (problem === undefined)
      messages.push({ ts, text: message.text ?? '', blocks: message.blocks ?? [], changes: 0 });
    return { problem, ts };
  }

  function change(ts: string, { text, blocks = [] }: Message): string | undefined {
    const problem = blocksProblem(blocks);
    const found = messages.find((one) => one.ts === ts);
    if (problem !== undefined || found === undefined) return problem ?? 'message_not_found';
    Object.assign(found, { text: text ?? '', blocks, changes: found.changes + 1 });
    return undefined;
  }

  function respond(pathname: string, message: Message): string | undefined {
    const known = responses.get(pathname);
    if (known === undefined || ++known.uses > 5) return 'used_url';
    if (message.replace_original === true) return change(known.ts, message);
    ephemeral.push(message.text ?? '');
    return undefined;
  }

  function callApi(method: string, body: string): object {
    const form = new URLSearchParams(body);
    const blocks = JSON.parse(form.get('blocks') ?? '[]') as StandInBlock[];
    const message = { text: form.get('text') ?? '', blocks };
    if (method === 'auth.test') return { ok: true, team_id: TEAM };
    if (method === 'users.info') {
      const user = users.find(({ id }) => id === form.get('user'));
      if (user === undefined) return { ok: false, error: 'user_not_found' };
      const { id, name, email, team = TEAM } = user;
      return { ok: true, user: { id, name, team_id: team, is_email_confirmed: true, profile: { email } } };
    }
    if (method === 'views.open') {
      const trigger = form.get('trigger_id') ?? '';
      const user = triggers.get(trigger);
      const view = JSON.parse(form.get('view') ?? '{}') as StandInView;
      const problem = user === undefined ? 'invalid_trigger_id' : viewProblem(view);
      if (user === undefined || problem !== undefined) return { ok: false, error: problem };
      triggers.delete(trigger);
      dialogs.push({ user, view, errors: [] });
      return { ok: true, view: { id: trigger } };
    }
    if (method === 'chat.postMessage') {
      if (form.get('channel') !== channel) return { ok: false, error: 'channel_not_found' };
      const { problem, ts } = post(message);
      return problem === undefined ? { ok: true, channel, ts } : { ok: false, error: problem };
    }
    if (method === 'chat.update') {
      const problem = change(form.get('ts') ?? '', message);
      return problem === undefined ? { ok: true } : { ok: false, error: problem };
    }
    return { ok: false, error: 'unknown_method' };
  }

  async function clickFromPage(form: URLSearchParams, response: ServerResponse): Promise<void> {
    const verdict = form.get('verdict') === 'approve' ? 'approve' : 'deny';
    await standIn.click(form.get('ts') ?? '', { user: form.get('user') ?? '', verdict, ...enteredIn(form) });
    response.writeHead(303, { Location: '/' }).end();
  }

  async function submitFromPage(form: URLSearchParams, response: ServerResponse): Promise<void> {
    await standIn.submit(enteredIn(form));
    response.writeHead(303, { Location: '/' }).end();
  }

  const standIn: SlackStandIn = {
    ...{
      url,
      webhook: `${url}/services/${path}`,
      api: `${url}/api/`,
      signingSecret,
      botToken,
      channel,
      messages,
      ephemeral,
      dialogs,
    },
    callBack(to) {
      target = to;
    },
    answerWith(status, headers = {}) {
      failure = status === undefined ? undefined : { status, headers };
    },
    payload(ts, { user, verdict, ...entered }) {
      const blocks = messages.find((one) => one.ts === ts)?.blocks ?? [];
      const elements = blocks.flatMap((block) => block.elements ?? []);
      const button = elements.find(({ action_id: id }) => id?.endsWith(verdict));
      if (button === undefined) throw new Error('the message has no such button');
      const answers = `/actions/${secret()}`;
      responses.set(answers, { ts, uses: 0 });
      const trigger = secret();
      triggers.set(trigger, user);
      const payload = {
        ...{
          type: 'block_actions',
          team: { id: TEAM },
          user: { id: user, team_id: TEAM },
          response_url: url + answers,
          trigger_id: trigger,
        },
        ...{ message: { ts }, channel: { id: channel }, state: stateOf(blocks, entered) },
        actions: [{ type: 'button', action_id: button.action_id, value: button.value, action_ts: ts }],
      };
      return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
    },
    sign(body, at = Math.floor(Date.now() / 1_000)) {
      const signature = createHmac('sha256', signingSecret)
        .update(`v0:${String(at)}:${body}`)
        .digest('hex');
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(at),
        'x-slack-signature': `v0=${signature}`,
      };
      return { method: 'POST', headers, body };
    },
    async click(ts, click) {
      if (target === undefined) throw new Error('nobody is to be called back');
      return fetch(target, standIn.sign(standIn.payload(ts, click)));
    },
    submission(entered) {
      const dialog = dialogs.at(-1);
      if (dialog === undefined) throw new Error('no dialog is open');
      const { user, view } = dialog;
      const { callback_id, private_metadata, blocks } = view;
      const payload = {
        ...{ type: 'view_submission', team: { id: TEAM }, user: { id: user, team_id: TEAM } },
        view: { callback_id, private_metadata, state: stateOf(blocks, entered) },
      };
      return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
    },
    async submit(entered) {
      if (target === undefined) throw new Error('nobody is to be called back');
      const response = await fetch(target, standIn.sign(standIn.submission(entered)));
      const text = await response.clone().text();
      const said = text === '' ? {} : (JSON.parse(text) as { errors?: Readonly<Record<string, string>> });
      const dialog = dialogs.at(-1);
      if (dialog !== undefined) dialog.errors = Object.values(said.errors ?? {});
      if (dialog?.errors.length === 0) dialogs.pop();
      return response;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return standIn;
}

interface Message {
  readonly text?: string;
  readonly blocks?: readonly StandInBlock[];
  readonly replace_original?: boolean;
}

function enteredIn(form: URLSearchParams): Entered {
  const grant = form.get('grant');
  return { reason: form.get('reason') ?? '', ...(grant === null ? {} : { grant }) };
}

function parse(body: string): Message {
  return JSON.parse(body) as Message;
}

function answerText(response: ServerResponse, problem: string | undefined): void {
  response.writeHead(problem === undefined ? 200 : 400).end(problem ?? 'ok');
}
