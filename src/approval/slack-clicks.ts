// What a click in Slack counts as: the Slack user becomes a person, the person's review goes the way every review goes.
import type { WebClient } from '@slack/web-api';
import { z } from 'zod';
import type { Approval, Person, Review } from '../core/approval.ts';
import type { Reviews } from '../core/approvals.ts';
import type { Clock } from '../core/clock.ts';
import type { DeliveryRecords } from '../core/deliveries.ts';
import { StoreError } from '../core/errors.ts';
import { MAX_REASON_CHARS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import { reviewRefusedWords } from './review-words.ts';
import { responseHandle, sendTo, webClient } from './slack-channel.ts';
import type { SlackConfig } from './slack-config.ts';
import { SLACK_ACTIONS } from './slack-message.ts';

/** What of a `block_actions` payload counts; https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
const clickSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().min(1).max(100) }),
  response_url: z.url(),
  actions: z.tuple([z.object({ action_id: z.enum([SLACK_ACTIONS.approve, SLACK_ACTIONS.deny]), value: z.uuid() })]),
  state: z.object({
    values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().max(MAX_REASON_CHARS).nullish() }))),
  }).optional(),
}); // prettier-ignore

export interface SlackClicks {
  /** Deals with what Slack sent and was verified. Whoever clicked is told where it did not count. Never rejects. */
  clicked(payload: unknown): Promise<void>;
}

export interface SlackClicksOptions {
  readonly slack: SlackConfig;
  /** The issuer people sign in at: only there can somebody be the same person as a caller. */
  readonly issuer: string;
  readonly reviews: Reviews;
  readonly deliveries: Pick<DeliveryRecords, 'handled'>;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  find(id: string): Promise<Approval | undefined>;
}

export function createSlackClicks(options: SlackClicksOptions): SlackClicks {
  const { slack, reviews, deliveries, log, clock, logger } = options;
  const web = webClient(slack);
  const origins = answerOrigins(slack);

  async function personOf(user: string): Promise<Person | string> {
    const listed = Object.hasOwn(slack.users, user) ? slack.users[user] : undefined;
    const known = listed ?? (web === undefined ? undefined : await byAddress(web, user));
    if (known === undefined) {
      return `This broker does not know who you are, so your click was not counted. The operator can add your Slack user ${user} to \`approvals.slack.users\`; until then, decide in the console.`;
    }
    return { issuer: options.issuer, subject: known.subject, name: known.name ?? known.subject, groups: known.groups };
  }

  /** Only for members of the broker's own workspace: what others write into their profiles proves nothing. */
  async function byAddress(client: WebClient, id: string): Promise<SlackConfig['users'][string] | undefined> {
    const [{ user }, { team_id: ours }] = await Promise.all([client.users.info({ user: id }), client.auth.test()]);
    const stranger = user?.deleted === true || user?.is_bot === true || user?.is_stranger === true;
    const address = user?.profile?.email?.toLowerCase();
    if (user === undefined || stranger || ours === undefined || user.team_id !== ours) return undefined;
    if (address === undefined || user.is_email_confirmed === false) return undefined;
    return Object.entries(slack.users).find(([key]) => key.toLowerCase() === address)?.[1];
  }

  /** Words for whoever clicked, where it did not count. */
  async function count(click: z.output<typeof clickSchema>): Promise<string | undefined> {
    const [{ action_id: action, value: id }] = click.actions;
    const approval = await options.find(id);
    // A rule that does not tell Slack does not ask there either.
    if (approval?.requirements.some(({ notify }) => notify?.includes('slack')) !== true) {
      return reviewRefusedWords('unknown');
    }
    const person = await personOf(click.user.id);
    if (typeof person === 'string') return person;
    const said = click.state?.values[SLACK_ACTIONS.reason]?.[SLACK_ACTIONS.reason]?.value?.trim();
    const review: Omit<Review, 'at'> = {
      person,
      verdict: action === SLACK_ACTIONS.approve ? 'approve' : 'deny',
      reason: said === '' ? undefined : (said ?? undefined),
    };
    // Before the review: its message, which anybody's broker may deliver at once, is to change this one.
    if (slack.to.kind === 'webhook') {
      await log.append([], [deliveries.handled(id, 'slack', responseHandle(click.response_url, clock.now()))]);
    }
    const answer = await reviews.review(id, review);
    return 'refused' in answer ? reviewRefusedWords(answer.refused) : undefined;
  }

  return {
    async clicked(payload) {
      const parsed = clickSchema.safeParse(payload);
      // Other buttons (the link is one) and other interactions of the app are no business of this broker.
      if (!parsed.success) return;
      const { response_url: responseUrl } = parsed.data;
      if (!origins.has(new URL(responseUrl).origin)) {
        logger.warn({}, 'a click in Slack named an address for the answer that is not Slack; it was not counted');
        return;
      }
      let words: string | undefined;
      try {
        words = await count(parsed.data);
      } catch (error) {
        logger.error({ err: error instanceof StoreError ? error : String(error) }, 'a click in Slack was not counted');
        words = 'Your click could not be counted at the moment. Try again in a minute, or decide in the console.';
      }
      if (words === undefined) return;
      await sendTo(responseUrl, { text: words, response_type: 'ephemeral', replace_original: false }).catch(() => {
        logger.warn({}, 'somebody who clicked in Slack could not be told that it did not count');
      });
    },
  };
}

/** Where answers may go: nowhere that a forged payload names. Plain http, which only loopback may speak, has one origin for all. */
function answerOrigins({ api, to }: SlackConfig): ReadonlySet<string> {
  const { protocol, host, origin } = new URL(api);
  const hooks = protocol === 'http:' ? origin : `https://hooks.${host}`;
  return new Set(to.kind === 'webhook' ? [hooks, new URL(to.url.reveal()).origin] : [hooks]);
}
