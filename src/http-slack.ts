// POST /hooks/slack: clicks come back. The body is read as it is, its signature verified, and each callback heard once.
import { setTimeout as pause } from 'node:timers/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SlackClicks } from './approval/slack-clicks.ts';
import type { Clock } from './core/clock.ts';
import { StoreError } from './core/errors.ts';
import { CALLBACK_PATIENCE_MS, MAX_BODY_BYTES } from './core/limits.ts';
import type { Secret } from './core/secret.ts';
import { readBytes } from './http-body.ts';
import { sendProblem } from './http-problem.ts';
import { sendJson } from './http-reply.ts';
import { verifySlack } from './http-slack-signature.ts';

export interface SlackSide extends SlackClicks {
  readonly signingSecret: Secret;
  readonly clock: Clock;
  /** Whether no broker has heard this callback before. Rejects with StoreError. */
  isFirst(signature: string, now: number, until: number): Promise<boolean>;
}

/** Answers within Slack's three seconds, and goes on afterwards where that is not enough. */
export function createHttpSlack(
  slack: SlackSide,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const body = await readBytes(request, MAX_BODY_BYTES);
    if (body === undefined) return;
    if (body === 'too large') {
      response.setHeader('Connection', 'close');
      refuse(response, 413, `The body may have at most ${String(MAX_BODY_BYTES)} bytes.`);
      return;
    }
    const now = slack.clock.now();
    const verified = verifySlack(request.headers, body, slack.signingSecret, now);
    if (!verified.ok) {
      refuse(response, 401, verified.words);
      return;
    }
    const payload = payloadOf(body);
    if (payload === undefined) {
      refuse(response, 400, 'Expected a form with a `payload` in JSON.');
      return;
    }
    try {
      if (!(await slack.isFirst(verified.signature, now, verified.until))) {
        refuse(response, 401, 'This callback was heard before.');
        return;
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      refuse(response, 503, 'The broker cannot keep its record at the moment.');
      return;
    }
    const answer = await Promise.race([slack.clicked(payload), pause(CALLBACK_PATIENCE_MS, undefined, { ref: false })]);
    if (answer === undefined) response.writeHead(200, { 'Content-Length': 0 }).end();
    else sendJson(response, 200, answer);
  };
}

function payloadOf(body: Buffer): unknown {
  const text = new URLSearchParams(body.toString('utf8')).get('payload');
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, detail: string): void {
  sendProblem(response, { status, code: 'callback_refused', title: 'The callback was refused.', detail });
}
