// What a click in Slack counts as: the Slack user becomes a person, the person's review goes the way every review goes.
import type { WebClient } from '@slack/web-api';
import { z } from 'zod';
import type { Approval, Person } from '../core/approval.ts';
import type { Reviews } from '../core/approvals.ts';
import type { Clock } from '../core/clock.ts';
import type { DeliveryRecords } from '../core/deliveries.ts';
import { StoreError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import { reviewRefusedWords } from './review-words.ts';
import { responseHandle, sendTo, webClient } from './slack-channel.ts';
import type { SlackConfig } from './slack-config.ts';
import { decisionDialog, fieldsSchema, readOpenedBy, saidIn, SLACK_ACTIONS, type OpenedBy } from './slack-dialog.ts';

/** What of a `block_actions` payload counts; https://docs.slack.dev/reference/interaction-payloads/block_actions-payload */
const clickSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().min(1).max(100) }),
  response_url: z.url(),
  trigger_id: z.string().min(1).max(200).optional(),
  actions: z.tuple([z.object({ action_id: z.enum([SLACK_ACTIONS.approve, SLACK_ACTIONS.deny]), value: z.uuid() })]),
  state: fieldsSchema.optional(),
}); // prettier-ignore
type Click = z.output<typeof clickSchema>;

/** Of a dialog that was sent off; https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload */
const submissionSchema = z.object({
  type: z.literal('view_submission'),
  user: clickSchema.shape.user,
  view: z.object({ callback_id: z.literal(SLACK_ACTIONS.dialog), private_metadata: z.string(), state: fieldsSchema }),
});

/** One person's word, wherever in Slack it was said. */
interface Word extends OpenedBy {
  readonly user: string;
  readonly fields: Click['state'];
}

export interface SlackClicks {
  /**
   * Deals with what Slack sent and was verified. Whoever clicked is told where it did not count. Resolves with what is to be
   * answered, where that is not nothing. Never rejects.
   */
  clicked(payload: unknown): Promise<object | undefined>;
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

  /** Undefined where there is none that Slack is told of: a rule that does not tell Slack does not ask there either. */
  async function toldOf(id: string): Promise<Approval | undefined> {
    const approval = await options.find(id);
    const told = approval?.requirements.some(({ notify }) => notify?.includes('slack')) === true;
    return told ? approval : undefined;
  }

  /** Words for whoever said it, where it did not count. */
  async function count({ id, verdict, user, responseUrl, fields }: Word): Promise<string | undefined> {
    if ((await toldOf(id)) === undefined) return reviewRefusedWords('unknown');
    const person = await personOf(user);
    if (typeof person === 'string') return person;
    // Before the review: its message, which anybody's broker may deliver at once, is to change this one.
    if (slack.to.kind === 'webhook') {
      await log.append([], [deliveries.handled(id, 'slack', responseHandle(responseUrl, clock.now()))]);
    }
    const answer = await reviews.review(id, { person, ...saidIn(verdict, fields) });
    return 'refused' in answer ? reviewRefusedWords(answer.refused) : undefined;
  }

  /** Words where there is no dialog. Whether the person may decide is found out when they have. */
  async function openDialog(client: WebClient, trigger: string, by: OpenedBy): Promise<string | undefined> {
    const approval = await toldOf(by.id);
    if (approval === undefined) return reviewRefusedWords('unknown');
    await client.views.open({ trigger_id: trigger, view: decisionDialog(approval, by) });
    return undefined;
  }

  /** Resolves with words, where it did not count. */
  async function safely(work: () => Promise<string | undefined>): Promise<string | undefined> {
    try {
      return await work();
    } catch (error) {
      logger.error({ err: error instanceof StoreError ? error : String(error) }, 'a click in Slack was not counted');
      return 'Your click could not be counted at the moment. Try again in a minute, or decide in the console.';
    }
  }

  function isSlack(responseUrl: string): boolean {
    if (origins.has(new URL(responseUrl).origin)) return true;
    logger.warn({}, 'a click in Slack named an address for the answer that is not Slack; it was not counted');
    return false;
  }

  async function clickedButton({ user, response_url: responseUrl, trigger_id: trigger, actions, state }: Click) {
    if (!isSlack(responseUrl)) return;
    const [{ action_id: action, value: id }] = actions;
    const by: OpenedBy = { id, verdict: action === SLACK_ACTIONS.approve ? 'approve' : 'deny', responseUrl };
    const words = await safely(() =>
      web !== undefined && trigger !== undefined
        ? openDialog(web, trigger, by)
        : count({ ...by, user: user.id, fields: state }),
    );
    if (words === undefined) return;
    await sendTo(responseUrl, { text: words, response_type: 'ephemeral', replace_original: false }).catch(() => {
      logger.warn({}, 'somebody who clicked in Slack could not be told that it did not count');
    });
  }

  /** What did not count is said in the dialog, which then stays. */
  async function submitted({ user, view }: z.output<typeof submissionSchema>): Promise<object | undefined> {
    const by = readOpenedBy(view.private_metadata);
    if (by === undefined || !isSlack(by.responseUrl)) return undefined;
    const words = await safely(() => count({ ...by, user: user.id, fields: view.state }));
    return words === undefined ? undefined : { response_action: 'errors', errors: { [SLACK_ACTIONS.reason]: words } };
  }

  return {
    async clicked(payload) {
      const click = clickSchema.safeParse(payload);
      if (click.success) {
        await clickedButton(click.data);
        return undefined;
      }
      // Other buttons (the link is one) and other interactions of the app are no business of this broker.
      const submission = submissionSchema.safeParse(payload);
      return submission.success ? submitted(submission.data) : undefined;
    },
  };
}

/** Where answers may go: nowhere that a forged payload names. Plain http, which only loopback may speak, has one origin for all. */
function answerOrigins({ api, to }: SlackConfig): ReadonlySet<string> {
  const { protocol, host, origin } = new URL(api);
  const hooks = protocol === 'http:' ? origin : `https://hooks.${host}`;
  return new Set(to.kind === 'webhook' ? [hooks, new URL(to.url.reveal()).origin] : [hooks]);
}
