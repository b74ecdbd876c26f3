// Slack as a channel: posts the request, and changes it, or posts again, when something became of it.
import { IncomingWebhook, IncomingWebhookHTTPError, type IncomingWebhookSendArguments } from '@slack/webhook';
import { LogLevel, WebAPIRateLimitedError, WebClient } from '@slack/web-api';
import { z } from 'zod';
import type { Approval } from '../core/approval.ts';
import type { Clock } from '../core/clock.ts';
import { DeliveryFailed, type DeliveryChannel } from '../core/deliveries.ts';
import { DELIVERY_TIMEOUT_MS } from '../core/limits.ts';
import type { ShownRequest } from './shown-request.ts';
import type { SlackConfig } from './slack-config.ts';
import { outcomeMessage, requestMessage, type SlackMessage } from './slack-message.ts';

/** Slack takes five changes within thirty minutes; https://docs.slack.dev/interactivity/handling-user-interaction */
const RESPONSE_URL_MS = 29 * 60_000;

const handleSchema = z.union([
  z.object({ responseUrl: z.url(), until: z.number() }),
  z.object({ channel: z.string(), ts: z.string() }),
]);
type Handle = z.output<typeof handleSchema>;

export interface SlackChannelOptions {
  readonly slack: SlackConfig;
  readonly publicUrl: string;
  readonly clock: Clock;
  request(approval: Approval): Promise<ShownRequest>;
}

export function createSlackChannel({ slack, publicUrl, clock, ...options }: SlackChannelOptions): DeliveryChannel {
  const { to } = slack;
  const web = webClient(slack);
  const where = slack.signingSecret === undefined ? 'page' : web === undefined ? 'message' : 'dialog';

  async function post(message: SlackMessage): Promise<Handle | undefined> {
    if (to.kind === 'webhook') {
      await sendTo(to.url.reveal(), message);
      return undefined;
    }
    const posted = await web?.chat.postMessage({ channel: to.channel, ...message, unfurl_links: false });
    return posted?.channel !== undefined && posted.ts !== undefined
      ? { channel: posted.channel, ts: posted.ts }
      : undefined;
  }

  /** Whether the message could be changed in its place. */
  async function change(handle: Handle | undefined, message: SlackMessage): Promise<boolean> {
    if (handle === undefined) return false;
    if ('ts' in handle) {
      if (web === undefined) return false;
      await web.chat.update({ channel: handle.channel, ts: handle.ts, ...message });
      return true;
    }
    if (handle.until < clock.now()) return false;
    try {
      await sendTo(handle.responseUrl, { ...message, replace_original: true });
      return true;
    } catch (error) {
      // It was used up: then there is a new message.
      if (error instanceof IncomingWebhookHTTPError && error.statusCode >= 400 && error.statusCode < 429) return false;
      throw error;
    }
  }

  return {
    async deliver({ part }, approval, stored) {
      const page = { url: `${publicUrl}/console/approvals/${approval.id}` };
      const handle = readHandle(stored);
      try {
        if (part === 'request') {
          if (approval.state !== 'pending') return 'superseded';
          const posted = await post(requestMessage(approval, await options.request(approval), page, where));
          return { handle: posted && JSON.stringify(posted) };
        }
        const message = outcomeMessage(approval, page);
        if (await change(handle, message)) return { handle: undefined };
        // Nothing is decided yet, and the request still stands there.
        if (approval.state === 'pending') return 'superseded';
        await post(message);
        return { handle: undefined };
      } catch (error) {
        throw failureOf(error);
      }
    },
  };
}

/** By which the message that was clicked on can be changed; see `readHandle`. */
export function responseHandle(responseUrl: string, now: number): string {
  return JSON.stringify({ responseUrl, until: now + RESPONSE_URL_MS } satisfies Handle);
}

/** Its own retries are off: the outbox tries again. */
export function webClient({ botToken, api }: SlackConfig): WebClient | undefined {
  if (botToken === undefined) return undefined;
  return new WebClient(botToken.reveal(), {
    ...{ slackApiUrl: api, allowAbsoluteUrls: false, timeout: DELIVERY_TIMEOUT_MS, logLevel: LogLevel.ERROR },
    ...{ retryConfig: { retries: 0 }, rejectRateLimitedCalls: true },
  });
}

/** To an incoming webhook or a response address: both take a message as JSON. Follows no redirect. */
export async function sendTo(
  url: string,
  message: IncomingWebhookSendArguments & {
    readonly replace_original?: boolean;
    readonly response_type?: 'ephemeral';
  },
): Promise<void> {
  let retryAfterMs: number | undefined;
  const webhook = new IncomingWebhook(url, {
    timeout: DELIVERY_TIMEOUT_MS,
    // The library keeps neither the header nor anything that leads to it.
    async fetch(target, init) {
      const { body, ...others } = init ?? {};
      const response = await fetch(target, { ...others, ...(typeof body === 'string' ? { body } : {}) });
      const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
      if (seconds > 0) retryAfterMs = seconds * 1_000;
      return response;
    },
  });
  try {
    await webhook.send(message);
  } catch (error) {
    if (retryAfterMs !== undefined) throw new DeliveryFailed('Slack asks to wait', retryAfterMs);
    throw error;
  }
}

function readHandle(stored: string | undefined): Handle | undefined {
  return stored === undefined ? undefined : handleSchema.parse(JSON.parse(stored));
}

/** Texts of errors may hold the webhook's address, which is a secret: what is kept is made here. */
function failureOf(error: unknown): DeliveryFailed {
  if (error instanceof DeliveryFailed) return error;
  if (error instanceof WebAPIRateLimitedError)
    return new DeliveryFailed('Slack asks to wait', error.retryAfter * 1_000);
  if (error instanceof IncomingWebhookHTTPError) {
    const said = /^[a-z_ ]{1,100}$/.test(error.body) ? `: ${error.body}` : '';
    return new DeliveryFailed(`Slack answered ${String(error.statusCode)}${said}`);
  }
  const { data } = error as { data?: { error?: unknown } };
  if (typeof data?.error === 'string') return new DeliveryFailed(`Slack answered: ${data.error.slice(0, 100)}`);
  return new DeliveryFailed('Slack was not reached');
}
