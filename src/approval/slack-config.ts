// How this broker and Slack know one another. Made by src/config.ts.
import type { Secret } from '../core/secret.ts';

export interface SlackConfig {
  /** Where messages are sent. */
  readonly to:
    { readonly kind: 'webhook'; readonly url: Secret } | { readonly kind: 'channel'; readonly channel: string };
  /** Of the Slack app; undefined where clicks do not come back: then messages link to the console. */
  readonly signingSecret: Secret | undefined;
  readonly botToken: Secret | undefined;
  /** Of Slack's Web API, with a slash at the end. */
  readonly api: string;
  /** People by their Slack user id or, with a bot token, by their e-mail address there. */
  readonly users: Readonly<Record<string, SlackUser>>;
}

/** The person a Slack user is to this broker. */
export interface SlackUser {
  /** As the issuer that people sign in at names them. */
  readonly subject: string;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}
