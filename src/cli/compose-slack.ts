// The part of the composition root that tells approvers in Slack, and hears what they click there.
import { startDelivering } from '../approval/deliver.ts';
import { shownRequest, type RequestOf } from '../approval/shown-request.ts';
import type { Config } from '../config.ts';
import type { ApprovalRecords } from '../core/approval-records.ts';
import type { Reviews } from '../core/approvals.ts';
import type { Clock } from '../core/clock.ts';
import type { DeliveryRecords } from '../core/deliveries.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import type { Store } from '../core/store.ts';
import type { Tool } from '../core/tool.ts';
import type { SlackSide } from '../http-slack.ts';
import { createCallbackRecords } from '../store/callback-records.ts';

interface Shared {
  readonly store: Store;
  readonly log: Log;
  readonly approvals: Pick<ApprovalRecords, 'find'>;
  readonly deliveries: DeliveryRecords;
  readonly reviews: Reviews;
  readonly requestOf: RequestOf;
  readonly clock: Clock;
  readonly logger: Logger;
  tool(name: string): Tool | undefined;
}

/** `clicks` is undefined where nobody decides in Slack. Disposing of `delivering` ends the deliveries. */
export async function openSlack(
  { slack, people, publicUrl }: Config,
  shared: Shared,
): Promise<{ readonly delivering: AsyncDisposable; readonly clicks: SlackSide | undefined }> {
  const { store, log, approvals, deliveries, reviews, clock, logger } = shared;
  // Slack's libraries are loaded only where somebody is told there.
  const library = slack && {
    ...(await import('../approval/slack-channel.ts')),
    ...(await import('../approval/slack-clicks.ts')),
  };
  const channel =
    slack &&
    library?.createSlackChannel({
      slack,
      publicUrl,
      clock,
      request: (approval) => shownRequest(approval, shared.tool(approval.tool), shared.requestOf),
    });
  const delivering = startDelivering({
    records: deliveries,
    approvals,
    channels: channel === undefined ? {} : { slack: channel },
    log,
    clock,
    logger,
    random: Math.random,
  });
  if (slack?.signingSecret === undefined || library === undefined || people === undefined) {
    return { delivering, clicks: undefined };
  }
  const clicks = library.createSlackClicks({
    slack,
    issuer: people.issuer,
    reviews,
    deliveries,
    log,
    clock,
    logger,
    find: (id) => approvals.find(id),
  });
  const { signingSecret } = slack;
  return { delivering, clicks: { ...clicks, ...createCallbackRecords(store), signingSecret, clock } };
}
