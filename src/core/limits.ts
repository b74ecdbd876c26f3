// Every number that bounds something, with its unit in the name and one line of why.

/** A prompt-injected agent must not be able to hold the whole broker. */
export const MAX_CONCURRENT_CALLS_PER_PRINCIPAL = 32;
/** Each lease is a login on somebody's database. */
export const MAX_LEASES_PER_PRINCIPAL = 16;
/** A request body: far above any honest argument, far below what hurts. */
export const MAX_BODY_BYTES = 1_048_576;
/** JSON.stringify dies at about 4,100 nested arrays; no tool needs more than this. */
export const MAX_JSON_DEPTH = 64;
/** A session with no call for this long has ended. */
export const SESSION_IDLE_MS = 15 * 60_000;
/** A session never lives longer than a working day. */
export const SESSION_MAX_MS = 8 * 60 * 60_000;
/** How long a finished call whose reply was not delivered answers an identical one. */
export const UNDELIVERED_REPLY_MS = 10 * 60_000;
/** How often a broker looks for leases that should have ended. */
export const LEASE_SWEEP_INTERVAL_MS = 30_000;
/** A broker that has not been heard of for this long is taken for dead. */
export const BROKER_SILENT_MS = 60_000;
/** Signals that a broker lives are written this often. */
export const BROKER_HEARTBEAT_MS = 15_000;
/** An entry that is not durable by then counts as not written, where the configuration does not say otherwise. */
export const LOG_DEADLINE_MS = 5_000;
/** What a backend gets, after a call was cancelled or ran out of time, to stop it and say what became of it. */
export const CANCEL_GRACE_MS = 2_000;
/** How often an outcome that could not be written is tried again. */
export const OUTCOME_RETRY_MS = 2_000;
/** A store that breaks its own deadline is not waited for longer than this: more than any that can be configured. */
export const LOG_HANG_MS = 2 * LOG_DEADLINE_MS;
/** What calls that outlived the grace get to be stopped and recorded. */
export const STOP_GRACE_MS = 2_500;
/** What in-flight calls get to finish after SIGTERM; the rest of the ten seconds is for leases and the log. */
export const SHUTDOWN_GRACE_MS = 5_000;
/** Bytes on a quiet connection, so that clients and proxies do not cut it. */
export const KEEP_ALIVE_INTERVAL_MS = 15_000;
/** An HTTP answer that takes longer than this becomes a stream, which can carry those bytes. */
export const STREAM_AFTER_MS = 5_000;
/** A session label is a word for people and logs; a UUID has 36 characters. */
export const MAX_SESSION_LABEL_CHARS = 128;
/** All headers of a request: a token with many groups fits. */
export const MAX_HEADER_BYTES = 32_768;
/** A client that sends its headers more slowly than this holds a connection for nothing. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** Headers and body together. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than the usual minute of load balancers, so that they, not the broker, close idle connections. */
export const IDLE_CONNECTION_MS = 75_000;
/** Changes that wait for the store, together: above this it does not keep up, and calls are refused. */
export const STORE_QUEUE_MAX_BYTES = 64 * 1_048_576;
/** How often overdue changes are given up, and a store that failed is asked whether it has recovered. */
export const STORE_PROBE_MS = 250;
/** Between two checkpoints: half of the second within which the last entry must be covered. */
export const CHECKPOINT_INTERVAL_MS = 500;
/** An agent must not be able to flood a person with requests. */
export const MAX_PENDING_APPROVALS_PER_PRINCIPAL = 20;
/** What approvers are shown of a call's effect must not keep them from being asked. */
export const PREVIEW_MS = 5_000;
/** Waiters look at their approval this often, should no sign of a change reach them. */
export const APPROVAL_LOOK_MS = 15_000;
/** How often a broker asks the store which approvals have changed, while anybody waits. */
export const APPROVAL_POLL_MS = 100;
/** How often a broker asks the store whether grants that it uses have ended. */
export const GRANT_POLL_MS = 200;
/** How often a broker with calls that can be cancelled through another asks the store which were. */
export const CANCELLATION_POLL_MS = 200;
/** A cancellation that no call has heard by then came too late. */
export const CANCELLATION_LIFE_MS = 60_000;
/** Each that means no call of this broker is a commit: far above what an honest client sends. */
export const MAX_CANCELLATIONS_PER_MINUTE = 600;
/** How often a broker asks the store what is switched off. */
export const SWITCH_POLL_MS = 200;
/** What was read earlier than this is read again before a call may go on; where it cannot be, no call may. */
export const SWITCH_STALE_MS = 1_000;
/** A lease that was taken back and is still open after this is ended by another broker than its own. */
export const RECALL_GRACE_MS = 2_000;
/** Clients of the 2025 era give a call 60 s by default, and must have their answer before that. */
export const LEGACY_PATIENCE_MS = 55_000;
/** Clients of the 2026 era give each round of a call 60 s by default. */
export const ROUND_MS = 50_000;
/** What a person may open is sifted from so many of the newest approvals: more than any list shows. */
export const MAX_APPROVALS_LOOKED_THROUGH = 5_000;
/** How often approvals that nobody decided in time are ended. */
export const APPROVAL_EXPIRY_INTERVAL_MS = 5_000;
/** A form of the console: a reason, and what the page put in. */
export const MAX_FORM_BYTES = 32_768;
/** How long a sign-in to the console lasts: groups are as they were when it began, so the issuer is asked again after this. */
export const CONSOLE_SESSION_S = 60 * 60;
/** From the console to the issuer and back, passwords and second factors included. */
export const SIGN_IN_S = 10 * 60;
/** Why somebody approved or denied: a paragraph. The agent reads it. */
export const MAX_REASON_CHARS = 2_000;
/** Payloads that are erased in one commit, and named in one entry. */
export const MAX_ERASED_ENTRIES = 500;
/** How often what retention rules are about is looked for. */
export const RETENTION_INTERVAL_MS = 10 * 60_000;
/** After a store failed while payloads were sealed anew. */
export const REWRAP_RETRY_MS = 10_000;
/** Different tokens in one result: each is a row that must be written before the result leaves. */
export const MAX_TOKENS_PER_RESULT = 5_000;
/** How long a token can be turned back after its principal was last given it. */
export const TOKEN_LIFE_MS = 30 * 24 * 60 * 60_000;
/** A token that is given again is written again only after this long. */
export const TOKEN_RENEWAL_MS = 24 * 60 * 60_000;
/** How long a request to see what a token stands for waits for a second person, and for whoever made it. */
export const REVEAL_REQUEST_MS = 15 * 60_000;
/** How often rows of tokens that cannot be turned back any more are removed. */
export const TOKEN_SWEEP_INTERVAL_MS = 60 * 60_000;
/** How often a broker asks the store which messages about approvals are due. */
export const DELIVERY_POLL_MS = 250;
/** Longer than a channel is waited for; after it another broker takes over from one that died. */
export const DELIVERY_CLAIM_MS = 30_000;
/** How long a channel may take to take a message. */
export const DELIVERY_TIMEOUT_MS = 10_000;
/** Messages on their way at one time: channels ask for about one a second. */
export const MAX_DELIVERIES_AT_ONCE = 8;
/** The wait after the first failure; it doubles with each. */
export const DELIVERY_BACK_OFF_MS = 1_000;
export const DELIVERY_BACK_OFF_MAX_MS = 5 * 60_000;
/** With the waits above: about four hours, then nobody wants the message any more. */
export const MAX_DELIVERY_ATTEMPTS = 60;
/** How far a callback's time may be from ours, either way. */
export const CALLBACK_AGE_S = 300;
/** A channel that calls back gives up after three seconds. */
export const CALLBACK_PATIENCE_MS = 2_000;
/** A document that a backend names, such as an OpenAPI description: the largest public ones have 12 MiB. */
export const MAX_DOCUMENT_BYTES = 32 * 1_048_576;
/** Tools that one entry about a changed backend names. */
export const MAX_CHANGES_IN_ENTRY = 100;
/** Words of a backend about how far a call has come: a line. */
export const MAX_PROGRESS_CHARS = 1_000;
